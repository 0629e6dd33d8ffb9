"""What can only be read forwards: gzip, the hub, a tar as it passes, and what is kept of it on disk."""
