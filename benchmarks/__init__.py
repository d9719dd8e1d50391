"""Measures what the service promises: ``python -m benchmarks``.

Everything runs on 127.0.0.1 against parts that this program starts and stops itself: a real mongod, the simulator in
place of HubSpot, the service under gunicorn. Only ratios of figures from one run are judged: what is compared is
measured in turns, in several rounds, and given as the median with the spread (least..most), so that a slower machine,
or one that does other things, changes both sides alike.
"""
