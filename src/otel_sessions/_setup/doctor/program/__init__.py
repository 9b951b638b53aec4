"""What is wrong in a program, seen from inside? What ``otel-sessions doctor -- COMMAND`` looks at.

In comes a command. Each process of it writes down what its spans, providers and messages are like (`entrance`, `inside`);
what all have written is merged and judged here. Out come findings, and the coverage of its spans.
"""
