"""One file per system (see `mediaeval.finetune.SYSTEMS`); each has `build`, which returns a `network.SystemNetwork`."""
