"""The config of an experiment: values of config files and of the command line, read strictly."""
