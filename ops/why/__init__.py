"""Why something is not healthy: facts are gathered, pure functions judge them, and one cause stands for all that follows from it."""
