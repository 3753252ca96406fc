"""What is stored? Registries and OCI layouts as one kind of store, and the image as it was read from one."""
