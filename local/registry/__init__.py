"""The CNCF's distribution registry in Docker Hub's place: the estate's nodes ask it first for images of docker.io."""
