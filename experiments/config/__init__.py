"""What an experiment is: the values of config files and of the command line, read strictly."""
