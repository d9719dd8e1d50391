"""FastAPI with a dict in memory: parsed timelines, encoded for each answer, as the program before dealcache did."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
from fastapi import FastAPI, Query

from benchmarks.peers import origin

DealName = Annotated[str, Query(alias="dealName")]

_cache: dict[str, tuple[float, dict[str, Any]]] = {}


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with httpx.AsyncClient() as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=_lifespan)


@app.get("/")
async def ready() -> str:
    """Tell that the program is up."""
    return "ready"


@app.get(origin.PATH)
async def deal_timeline(deal_name: DealName):  # type: ignore[no-untyped-def]
    """Show the timeline of a deal, as a function without a return type does: FastAPI walks it, ``json`` encodes it."""
    return await _timeline(deal_name)


@app.get(origin.TYPED_PATH)
async def deal_timeline_typed(deal_name: DealName) -> dict[str, Any]:
    """Show it as a function with a return type does: Pydantic checks and encodes it, several times as fast."""
    return await _timeline(deal_name)


async def _timeline(deal_name: str) -> dict[str, Any]:
    kept = _cache.get(deal_name)
    if kept is not None and time.time() - kept[0] < origin.KEPT_SECONDS:
        return kept[1]
    answer = await app.state.client.get(origin.url(), params={"dealName": deal_name})
    timeline: dict[str, Any] = answer.raise_for_status().json()
    _cache[deal_name] = (time.time(), timeline)
    return timeline
