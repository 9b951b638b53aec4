"""What is wrong here, before a program runs? What ``otel-sessions doctor`` alone looks at.

In come variables, the packages that are installed, and the exporter that they make; out come findings. The receiver is
dialled, and gets nothing, unless sending was asked for.
"""
