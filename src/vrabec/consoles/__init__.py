"""The console process: opens screens and serial lines on hosts for web."""
