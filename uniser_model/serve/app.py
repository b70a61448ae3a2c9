"""The routes of `uniser serve`: the page, uploads, jobs, and the pictures that come of them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from uniser_core.errors import InputError, UniserError
from uniser_core.page import page_part
from uniser_core.registry import effect_names

from uniser_model.serve.asked import RestorationAsked, SynthesisAsked
from uniser_model.serve.guard import Guard
from uniser_model.serve.intake import Door, read_json, save
from uniser_model.serve.jobs import Job, Jobs
from uniser_model.serve.lane import Lane, LaneFullError
from uniser_model.serve.shelf import Entry, Shelf

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from uniser_model.serve.settings import Settings

OPEN_UPLOADS, WAITING_UPLOADS = 4, 12
LONG_POLL_S = 15.0
SCRIPTS = ("app.js", "api.js", "brush.js", "form.js", "restore.js", "synthesise.js")
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
# Upload and every result: the name in a URL, and how a browser takes it.
FILE_TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".tif": "image/tiff",
              ".bmp": "image/bmp", ".exr": "image/x-exr", ".json": "application/json"}  # fmt: skip


class Server:
    """State of one running server, and its handlers."""

    def __init__(self, settings: Settings, checkpoints: dict[str, str]) -> None:
        """`checkpoints`: folder by label."""
        self.settings, self.checkpoints = settings, checkpoints
        self.shelf, self.jobs, self.door = Shelf(settings.store_mb * 1e6), Jobs(), Door(OPEN_UPLOADS, WAITING_UPLOADS)
        limits = (settings.queue, settings.job_timeout_s, settings.memory_mb)
        self.photos = Lane("photos", OPEN_UPLOADS, *limits[1:])
        self.synthesis = Lane("synthesis", *limits)
        self.restoration = Lane("restoration", *limits, single_thread=False)

    def app(self) -> Guard:
        """The ASGI application."""
        get, post = ["GET"], ["POST"]
        routes = [
            Route("/", self.index, methods=get),
            Route("/static/{name}", self.static, methods=get),
            Route("/api/state", self.state, methods=get),
            Route("/api/effects", self.effects, methods=post),
            Route("/api/pictures", self.upload, methods=post),
            Route("/api/synthesis", self.synthesise, methods=post),
            Route("/api/restoration", self.restore, methods=post),
            Route("/api/jobs/{job}", self.follow, methods=get),
            Route("/api/jobs/{job}", self.cancel, methods=["DELETE"]),
            Route("/files/{entry}/{name}", self.file, methods=get),
        ]
        handlers: dict[Any, Any] = {UniserError: _told, HTTPException: _told}
        return Guard(Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan), self.settings)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            self.jobs.cancel_all()
            for lane in (self.photos, self.synthesis, self.restoration):
                await lane.close()
            self.shelf.close()

    async def index(self, request: Request) -> Response:
        """The page, with the token that its requests carry."""
        text = Template(_page_file("index.html")).substitute(token=request.state.token)
        return Response(text, media_type=TYPES["html"])

    async def static(self, request: Request) -> Response:
        """Styles and scripts: names of a list, never paths."""
        name = request.path_params["name"]
        if name == "style.css":
            return Response(page_part("base.css") + _page_file(name), media_type=TYPES["css"])
        if name == "slider.js":
            return Response(page_part(name), media_type=TYPES["js"])
        if name not in SCRIPTS:
            raise HTTPException(404, "there is no such file")
        return Response(_page_file(name), media_type=TYPES["js"])

    async def state(self, _request: Request) -> Response:
        """What the page offers before any photo is there."""
        limits = {"upload_bytes": self.settings.max_upload_bytes, "pixels": self.settings.max_pixels}
        return JSONResponse({"checkpoints": list(self.checkpoints), "effects": effect_names(), "limits": limits})

    async def effects(self, _request: Request) -> Response:
        """Start listing the effects with their parameters."""
        return self._started(self.synthesis, "effects", {})

    async def upload(self, request: Request) -> Response:
        """Take a picture's bytes (the body), check and decode it; a mask is a picture too."""
        async with self.door.entered():
            entry = self.shelf.new()
            try:
                # The stem is part of a frame's name and so of what a seed draws: the same for every upload.
                await save(request, entry.folder / "photo", self.settings.max_upload_bytes)
                await self._work(self.photos, "open", entry, {"path": str(entry.folder / "photo")}, lambda _: None)
            except BaseException:
                self.shelf.drop(entry)
                raise
        return JSONResponse(self._shown(entry), 201)

    async def synthesise(self, request: Request) -> Response:
        """Start a preview or a pair."""
        asked = await read_json(request, SynthesisAsked)
        told = {"path": self._photo(asked.picture), **asked.model_dump(include={"effect", "seed", "changes"})}
        return self._started(self.synthesis, asked.do, told | {"depth": "auto"})

    async def restore(self, request: Request) -> Response:
        """Start removing or adding."""
        asked = await read_json(request, RestorationAsked)
        if asked.checkpoint not in self.checkpoints:
            known = ", ".join(self.checkpoints) or "none: start with --checkpoint DIR"
            raise InputError(f"checkpoint '{asked.checkpoint}'", f"known: {known}", "")
        told = asked.model_dump(exclude={"picture", "mask", "checkpoint"})
        told |= {"path": self._photo(asked.picture), "mask": self._photo(asked.mask) if asked.mask else None}
        told |= {"checkpoint": self.checkpoints[asked.checkpoint], "device": self.settings.device}
        return self._started(self.restoration, "restore", told)

    async def follow(self, request: Request) -> Response:
        """How a job is; `?seen=N` waits for news since version N."""
        job = self.jobs.get(request.path_params["job"])
        seen = request.query_params.get("seen", "-1")
        await job.changed(int(seen) if seen.isdecimal() else -1, LONG_POLL_S)
        return JSONResponse(job.told())

    async def cancel(self, request: Request) -> Response:
        """Give up a job, in line or at work."""
        job = self.jobs.get(request.path_params["job"])
        if job.task is not None:
            job.task.cancel()
        return JSONResponse(job.told())

    async def file(self, request: Request) -> Response:
        """A view, a result: looked up by both names, so nothing else can be reached."""
        entry = self.shelf.get(request.path_params["entry"])
        found = entry.files.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404, "there is no such file")
        return FileResponse(found, media_type=FILE_TYPES[found.suffix])

    def _photo(self, name: str) -> str:
        photo = self.shelf.get(name).folder / "photo"
        if not photo.is_file():
            raise InputError("a result", "is not a photo", "download it, then choose it as one")
        return str(photo)

    def _started(self, lane: Lane, action: str, told: dict[str, Any]) -> Response:
        async def work(tell: Callable[[str], None]) -> dict[str, Any]:
            entry = self.shelf.new()
            try:
                await self._work(lane, action, entry, told, tell)
            except BaseException:
                self.shelf.drop(entry)
                raise
            return self._shown(entry)

        job: Job = self.jobs.start(lane, work)
        return JSONResponse(job.told(), 202)

    async def _work(
        self, lane: Lane, action: str, entry: Entry, told: dict[str, Any], tell: Callable[[str], None]
    ) -> None:
        limits = {"max_pixels": self.settings.max_pixels, "plugins": list(self.settings.plugins)}
        entry.facts = await lane.call(action, {**told, **limits, "out": str(entry.folder)}, tell)
        entry.files = {name: entry.folder / name for name in entry.facts.pop("files")}
        self.shelf.keep(entry)

    def _shown(self, entry: Entry) -> dict[str, Any]:
        return {"id": entry.id, "files": {n: f"/files/{entry.id}/{n}" for n in entry.files}, **entry.facts}


def _page_file(name: str) -> str:
    return files("uniser_model.serve").joinpath("page", name).read_text()


async def _told(_request: Request, error: Exception) -> Response:
    """Every error is one line for a human."""
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)
    if isinstance(error, LaneFullError):
        return JSONResponse({"error": str(error)}, 503, {"Retry-After": "2"})
    return JSONResponse({"error": str(error)}, 400)
