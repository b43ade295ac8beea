# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, binding=False
"""The compiled twin of ``frame_loop.py``: the same states and the same bytes, with one output that is written in one go.

What is different here is only how: the output is made once, as large as it can become, and cut at the end; payloads are turned
eight bytes at a time. Whatever is changed there is changed here, and tests/hyco/test_frame_loop.py compares the two.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.ref cimport Py_XDECREF, PyObject
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport getenv
from libc.string cimport memcpy

from .limits import MAX_FRAGMENT_BYTES

cdef extern from "Python.h":
    # By pointer: while a bytes object is being made, nobody else may have it.
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *nothing, Py_ssize_t size) except NULL
    int resize_bytes "_PyBytes_Resize"(PyObject **made, Py_ssize_t size) except -1

if getenv("RELAYDESK_PURE") != NULL:
    raise ImportError("RELAYDESK_PURE is set")

cdef uint64_t MAX_FRAGMENT = MAX_FRAGMENT_BYTES
cdef enum:
    FIN = 0x80
    MASK = 0x80
    OPCODE = 0x0F
    MAX_HEAD = 14  # two bytes, eight of length, four of mask


cdef inline Py_ssize_t write_head(uint8_t *out, uint8_t first_byte, uint64_t length, uint8_t mask_bit) noexcept nogil:
    """The head of a frame, without its mask, in the shortest form; gives its length."""
    cdef int place
    out[0] = first_byte
    if length < 126:
        out[1] = mask_bit | <uint8_t>length
        return 2
    if length < 0x10000:
        out[1] = mask_bit | 126
        out[2] = <uint8_t>(length >> 8)
        out[3] = <uint8_t>length
        return 4
    out[1] = mask_bit | 127
    for place in range(8):
        out[2 + place] = <uint8_t>(length >> (56 - 8 * place))
    return 10


cdef inline void turn(uint8_t *out, const uint8_t *data, Py_ssize_t size, const uint8_t *key) noexcept nogil:
    """Write *data* with *key* applied, from its first byte on."""
    cdef uint32_t four
    cdef uint64_t eight, word
    cdef Py_ssize_t place = 0
    memcpy(&four, key, 4)
    eight = (<uint64_t>four << 32) | four
    while size - place >= 8:
        memcpy(&word, data + place, 8)
        word ^= eight
        memcpy(out + place, &word, 8)
        place += 8
    while place < size:
        out[place] = data[place] ^ key[place & 3]
        place += 1


def masked_frame(uint8_t first_byte, data not None, bytes mask not None):
    """See ``frame_loop.masked_frame``."""
    cdef Py_buffer view
    cdef PyObject *made
    cdef uint8_t *out
    cdef Py_ssize_t size
    if len(mask) != 4:
        raise ValueError("a mask has four bytes")
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        made = new_bytes(NULL, MAX_HEAD + view.len)
        try:
            out = <uint8_t *>PyBytes_AS_STRING(<object>made)
            size = write_head(out, first_byte, view.len, MASK)
            memcpy(out + size, PyBytes_AS_STRING(mask), 4)
            turn(out + size + 4, <const uint8_t *>view.buf, view.len, <const uint8_t *>PyBytes_AS_STRING(mask))
            resize_bytes(&made, size + 4 + view.len)
            return <bytes>made
        finally:
            Py_XDECREF(made)
    finally:
        PyBuffer_Release(&view)


cdef class FrameLoop:
    """See ``frame_loop.FrameLoop``."""

    cdef bint is_masked
    cdef object mask_out
    cdef uint8_t key[4]
    cdef bint has_key
    cdef bint last_frame
    cdef readonly bint in_message
    cdef uint64_t _begun, _left, _cut

    def __init__(self, bint is_masked, mask_out):
        self.is_masked = is_masked
        self.mask_out = mask_out
        self.last_frame = True

    @property
    def begun(self):
        return self._begun

    @property
    def left(self):
        return self._left

    @property
    def cut(self):
        return self._cut

    def run(self, data not None, Py_ssize_t position, bint stops):
        """See ``frame_loop.FrameLoop.run``."""
        cdef Py_buffer view
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            return self.move(<const uint8_t *>view.buf, view.len, position, stops)
        finally:
            PyBuffer_Release(&view)

    cdef tuple move(self, const uint8_t *data, Py_ssize_t size, Py_ssize_t position, bint stops):
        cdef Py_ssize_t rest = size - position
        cdef Py_ssize_t written = 0, taken, start, room
        cdef uint8_t *out
        cdef PyObject *made = NULL
        cdef bytes result
        if rest <= 0 or (stops and not self._cut):
            return b"", position
        # No frame grows but by the mask of one that goes out to a server, or by the heads of its fragments. The least frame
        # has two bytes, and six with a mask.
        room = rest + MAX_HEAD * (2 + rest // <Py_ssize_t>MAX_FRAGMENT)
        if self.mask_out is not None:
            room += 2 * rest
        made = new_bytes(NULL, room)
        try:
            out = <uint8_t *>PyBytes_AS_STRING(<object>made)
            while position < size and not (stops and not self._cut):
                if self._left:
                    if not self._cut:
                        self.cut_next()
                        written += self.begin_fragment(
                            out + written, FIN if self.last_frame and self._cut == self._left else 0
                        )
                    taken = size - position
                    if <uint64_t>taken > self._cut:
                        taken = <Py_ssize_t>self._cut
                    self.convert(out + written, data + position, taken)
                    written += taken
                    position += taken
                    continue
                start = self.begin_frame(data, size, position)
                if start < 0:
                    break
                position = start
                written += self.begin_fragment(out + written, self.first_byte)
            resize_bytes(&made, written)  # which sets it to NULL where it fails
            result = <bytes>made
        finally:
            Py_XDECREF(made)
        return result, position

    cdef uint8_t first_byte

    cdef Py_ssize_t begin_frame(self, const uint8_t *data, Py_ssize_t size, Py_ssize_t position) noexcept:
        """Take the head at *position*; where its payload begins, or -1 where it is not taken."""
        cdef uint8_t first, second
        cdef uint64_t length
        cdef Py_ssize_t start
        cdef int place
        if size - position < 2:
            return -1
        first = data[position]
        second = data[position + 1]
        if self.in_message:
            if first != 0x00 and first != 0x80:
                return -1
        elif first != 0x01 and first != 0x02 and first != 0x81 and first != 0x82:
            return -1
        if ((second & MASK) != 0) != self.is_masked:
            return -1
        length = second & 0x7F
        start = position + 2
        if length == 126:
            if size < start + 2:
                return -1
            length = (<uint64_t>data[start] << 8) | data[start + 1]
            if length < 126:
                return -1
            start += 2
        elif length == 127:
            if size < start + 8:
                return -1
            length = 0
            for place in range(8):
                length = (length << 8) | data[start + place]
            if length >> 63 or length < 0x10000:
                return -1
            start += 8
        if self.is_masked:
            if size < start + 4:
                return -1
            memcpy(self.key, data + start, 4)
            start += 4
        self.has_key = self.is_masked
        self.last_frame = first >= FIN
        self.in_message = not self.last_frame
        self._begun += length
        self._left = length
        self.cut_next()
        self.first_byte = first & OPCODE if self._cut < length else first
        return start

    cdef inline void cut_next(self) noexcept:
        self._cut = self._left if self._left < MAX_FRAGMENT else MAX_FRAGMENT

    cdef Py_ssize_t begin_fragment(self, uint8_t *out, uint8_t first_byte) except -1:
        """Write the head of what goes out, with a mask where it needs one; gives its length."""
        cdef Py_ssize_t size
        cdef bytes mask
        if self.mask_out is None:
            return write_head(out, first_byte, self._cut, 0)
        size = write_head(out, first_byte, self._cut, MASK)
        mask = self.mask_out()
        if len(mask) != 4:
            raise ValueError("a mask has four bytes")
        memcpy(self.key, PyBytes_AS_STRING(mask), 4)
        memcpy(out + size, self.key, 4)
        self.has_key = True  # what comes from a server is not masked, so nothing has to be undone
        return size + 4

    cdef void convert(self, uint8_t *out, const uint8_t *data, Py_ssize_t size) noexcept:
        """Write *size* bytes of the fragment that has begun."""
        cdef uint8_t before[4]
        cdef int place
        self._left -= size
        self._cut -= size
        if not self.has_key:
            memcpy(out, data, size)
            return
        turn(out, data, size, self.key)
        # MAX_FRAGMENT_BYTES is a multiple of four: where a fragment ends, the incoming mask is in its first position
        if size & 3 and self._left:
            memcpy(before, self.key, 4)
            for place in range(4):
                self.key[place] = before[(place + size) & 3]
