"""Object storage in the place of DigitalOcean Spaces: versitygw, an S3 server, where the estate's backups lie."""
