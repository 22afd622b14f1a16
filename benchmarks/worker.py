"""A process that measures what it is told: a line of JSON in, a line of JSON out. Started by `processes.Worker`."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
import traceback
from typing import Any

from benchmarks import measure, records
from benchmarks.configuration import Configuration, set_up
from benchmarks.driver import Driver
from benchmarks.people import fill_database, presented
from benchmarks.profiling import profile
from benchmarks.subjects import build


class Bench:
    """The application of this process, and a driver for it."""

    def __init__(self, configuration: Configuration) -> None:
        set_up(configuration)
        self.configuration = configuration

    def prepare(self) -> None:
        self.application = build(self.configuration)
        self.driver = Driver(self.application, presented(self.configuration))
        gc.collect()
        gc.freeze()

    async def do(self, what: str, **arguments: Any) -> dict[str, Any]:
        match what:
            case "handshakes":
                return {**await measure.handshakes(self.driver, **arguments)}
            case "messages":
                return {**await measure.messages(self.driver, **arguments)}
            case "refusals":
                return {**await measure.refusals(self.application, **arguments)}
            case "traces":
                return {**await measure.traces(self.configuration.guard, **arguments)}
            case "memory":
                return {**await measure.memory(self.driver, **arguments)}
            case "revoke_records" | "records":
                return {**await (measure.revoke_records if what != "records" else records.all_of)(**arguments)}
            case "revoke_one" | "revoke_all" | "group_send":
                return {**await getattr(measure, what)(self.application, **arguments)}
            case "allocations":
                return {"profile": await measure.allocations(self.driver, **arguments)}
            case "profile":
                doing = arguments.pop("doing")
                return {"profile": await profile(lambda: self.do(doing, **arguments), arguments["count"])}
        raise ValueError(f"nothing is called {what}")


async def work(bench: Bench) -> None:
    """Read on the loop's own thread: it has nothing else to do between two measurements."""
    for line in iter(sys.stdin.readline, ""):
        try:
            answer = await bench.do(**json.loads(line))
        except Exception:
            answer = {"error": traceback.format_exc()}
        _say(answer)


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    logging.disable(logging.ERROR)  # refusals are logged; a terminal is not what is measured
    bench = Bench(Configuration.of_environment())
    if sys.argv[1:] == ["fill"]:
        fill_database()
        return
    bench.prepare()
    _say({"ready": bench.configuration.name})
    asyncio.run(work(bench))


if __name__ == "__main__":
    main()
