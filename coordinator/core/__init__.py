"""The rules of the coordinator, pure: no thread, socket, file or clock."""
