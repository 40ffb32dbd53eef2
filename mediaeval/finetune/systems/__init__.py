"""One file a system (see `mediaeval.finetune.SYSTEMS`); each has `build`, which gives a `network.SystemNetwork`."""
