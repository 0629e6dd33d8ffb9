"""Many names at once are judged as they are one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.sources.archives.names import cut_out, find_images
from pipeline.sources.entries import identify

likely = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["n", "N", "", "nn"]),
    st.text("0123456789", min_size=7, max_size=9) | st.just("02104280"),
    st.sampled_from(["_", "", "-", "__", "_02104280_", "_n02104280_"]),
    st.text("0123456789", max_size=10),
    st.sampled_from([".JPEG", ".jpg", ".Png", ".gif", ".WEBP", ".bmp", "", ".", ".jpe", ".jpegs", "jpg", ".jpg.gz"]),
)


@settings(deadline=None)
@given(st.lists(likely | st.text(max_size=30)))
@example(["n02104280_999999999.JPEG", "n02104280_9999999999.JPEG", "n02104280_१७.JPEG", "n02104280_1.J\x10EG"])
def test_what_is_found_among_many_is_what_each_is_alone(names: list[str]) -> None:
    encoded = [name.replace("/", "").encode() for name in names]
    ends = np.cumsum([len(name) for name in encoded], dtype=np.int64)
    lengths = np.array([len(name) for name in encoded], dtype=np.int64)
    text = np.frombuffer(b"".join(encoded) or b"\0", dtype=np.uint8)
    found = find_images(cut_out(text, ends - lengths, lengths), lengths)
    expected = [identify(name.decode()) for name in encoded]
    usual = [identity if b"_n" not in name else None for name, identity in zip(encoded, expected, strict=True)]
    assert found.is_image.tolist() == [identity is not None for identity in usual]
    columns = zip(found.image_ids.to_pylist(), found.wnids.to_pylist(), strict=True)
    assert list(columns) == [identity for identity in usual if identity]
