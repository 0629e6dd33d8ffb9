"""Tar archives on disk: headers, one by one and in bulk; members judged; archives as containers."""
