"""Real sockets and programs that others wrote: on 127.0.0.1 only, every wait with an end."""
