"""How much wsauth costs, beside what people use today, measured in one run: `make bench`, or `python -m benchmarks`.

`plan` says what is measured, `goals` what is to be reached, `run` does it. Every configuration runs in a process of its own;
the processes take turns, A B A B, so that whatever the machine does meanwhile befalls them all. Ratios and differences are
taken within a turn, and the median of the turns is what counts.
"""
