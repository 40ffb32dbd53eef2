"""Looking inside a trained system: linear probes of its layers, Grad-CAM, and the images that show them."""
