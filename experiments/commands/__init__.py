"""What all commands share: options, exit codes, lines on the terminal."""
