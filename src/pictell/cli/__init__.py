"""The command line: parse, call, render. One file per command, one table of exit statuses."""
