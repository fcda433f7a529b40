"""The server: listening, connections, processes and their end. It runs the application of `api`."""
