"""The phone: agent, call, registration and console."""
