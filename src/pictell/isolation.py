"""Pictures are decoded in processes of their own, so that a hostile one costs only itself."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING

from pictell.budget import Ticket
from pictell.errors import (
    DecodeError,
    DecoderCrashedError,
    DecoderTimeoutError,
    OutOfMemoryError,
)
from pictell.files import os_reason
from pictell.image_model import ImageModel
from pictell.images.read import Content
from pictell.images.tensor import PictureTensor, PlainTensor, from_plain_tensor, to_plain_tensor
from pictell.options import CPU_BATCH_SIZE, MIN_TIMEOUT_S, Limits
from pictell.pipeline.processes import CrashError, Processes, TaskError
from pictell.types import Box, ModelSpec

if TYPE_CHECKING:
    from pictell.runtimes import Session

# What most pictures need. For others, the process says after the header how much more.
FIRST_BYTES = 32 * 1024 * 1024


# The processes load them before they have a limit of memory, so that it is for pictures.
_COMMON_DECODERS = ("pictell.images.jpeg.file", "pictell.images.png.file")


class IsolatedModel(ImageModel):
    """A model whose pictures are decoded and preprocessed in other processes.

    Sources are read, and the model is run, in this one. A PIL image or an array is prepared here
    too: only this process has it.
    """

    def __init__(
        self,
        spec: ModelSpec,
        session: Session | Future[Session],
        limits: Limits = Limits(),
        proxy: str | None = None,
        batch_size: int = CPU_BATCH_SIZE,
    ) -> None:
        super().__init__(spec, session, limits, proxy, batch_size)
        self._processes = Processes(
            deadline_s=limits.decode_timeout_s,
            max_memory=limits.max_memory,
            modules=[to_plain_tensor.__module__, *_COMMON_DECODERS],
        )

    def to_tensor(self, content: Content, box: Box | None) -> PictureTensor:
        """As the base, but also raises ``DecoderCrashedError`` and ``DecoderTimeoutError``.

        The time to wait for memory does not count. No more is waited for than the process may use.
        """
        if not isinstance(content, bytes):
            return super().to_tensor(content, box)
        spec, limits = self.spec.preprocess, self.limits
        try:
            with Ticket(self.budget.decoding) as ticket:
                return from_plain_tensor(self._call(ticket, content, box), spec)
        except (CrashError, TaskError, TypeError, ValueError) as error:
            reason = str(error).strip().rpartition("\n")[2]
            raise DecoderCrashedError(f"the decoder crashed on this picture: {reason}") from error
        except TimeoutError as error:
            timeout_s = limits.decode_timeout_s
            message = f"not decoded within the {timeout_s:g} s allowed (--decode-timeout)"
            raise DecoderTimeoutError(message, timeout_s=timeout_s) from error
        except MemoryError as error:
            message = f"decoding needs more than {limits.max_memory} bytes (--max-memory)"
            raise OutOfMemoryError(message) from error
        except OSError as error:
            message = f"cannot be decoded in a process of its own: {os_reason(error)}"
            raise DecodeError(message) from error

    def _call(self, ticket: Ticket, content: bytes, box: Box | None) -> PlainTensor:
        """What a process answers, which gets the picture again once there is memory for it."""
        spec, limits = self.spec.preprocess, self.limits
        reserved = min(FIRST_BYTES, limits.max_memory)
        ticket.reserve(reserved)
        answer = self._processes.call(to_plain_tensor, content, box, spec, limits, reserved)
        if len(answer) != 2:
            return answer
        n_bytes, spent_s = answer
        ticket.reserve(max(0, min(n_bytes, limits.max_memory) - reserved))
        # Both calls together have one deadline, without the time that they wait for a process.
        left_s = max(limits.decode_timeout_s - max(0.0, spent_s), MIN_TIMEOUT_S)
        answer = self._processes.call(
            to_plain_tensor, content, box, spec, limits, deadline_s=left_s
        )
        if len(answer) == 2:
            raise ValueError("the picture needs more memory than it said")
        return answer

    def close(self) -> None:
        """Release the engine and end the processes once the calls in flight have ended."""
        super().close()
        self._processes.close()
