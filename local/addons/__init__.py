"""The cluster's add-ons, which its public half is made of: their official charts, and the images that these charts name."""
