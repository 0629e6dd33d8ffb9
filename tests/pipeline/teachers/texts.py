"""What a teacher might write of a photograph of a terrier, and what it writes when it goes wrong."""

from __future__ import annotations

THINKING = """\
Got it, let's look at this picture from the outside in. The first thing I notice is the light: it comes in low from the
left, it is warm, and the shadows fall long across the lawn, so this was probably taken late on a summer afternoon. The
grass is short and a little dry, with a paler strip where people seem to walk. Behind it runs a wooden fence of upright
boards, weathered to grey, and above the fence a hedge closes off most of the sky.

Now the subject. A small dog stands slightly right of the centre, turned three quarters towards the camera. Its coat is
wiry rather than smooth, tan on the legs and muzzle and nearly black over the back, a saddle pattern. The ears fold
forward in neat triangles; the eyes are dark and close to the muzzle, which carries a beard. The tail points upwards.
All of that speaks for one of the wire-haired terriers. Could it be an Airedale? The colours fit, but the proportions
look too compact, and compared with the fence boards, which are usually ten or twelve centimetres wide, the animal can
hardly be taller than forty centimetres. A Welsh terrier is the better guess, though a Lakeland terrier would look much
the same from this angle, so I should keep some doubt.

What is it doing? One front paw is lifted, the head is high, the mouth is closed. There is a red rubber ball in the
grass about a metre away, partly hidden by a tuft. The gaze, however, goes past the photographer, not to the ball. So
the dog is alert and waiting for something: perhaps someone out of the frame is about to throw a second toy.

A leather collar with a round metal tag is visible, but I cannot read anything on it. There are no people, no other
animals, no written words. The background is softly out of focus, which suggests a long lens or a wide aperture; the
focus sits on the eyes, as it should. The composition leaves room on the left, the side towards which the animal faces,
and that makes the picture feel open.

Wait, let me check the lower edge again. The dark shape in the corner is not a second dog but the shadow of whoever
holds the camera, arms raised. That confirms the direction of the light. I think I have everything I need for a
description."""

ANSWER = """\
The photograph shows a small wire-haired terrier standing on a dry lawn in low, golden afternoon light. It has a black
saddle over tan legs and a bearded muzzle, folded ears and an upright tail; most likely it is a Welsh terrier, although
a Lakeland terrier cannot be ruled out. One forepaw is raised and its attention is fixed on something beyond the camera.
A red ball lies in the grass nearby. A weathered board fence and a hedge form a soft background, and the photographer's
own shadow reaches into the bottom corner."""

_NOUNS = ("dog", "ball", "fence", "lawn", "hedge", "paw", "collar", "shadow", "tail", "muzzle", "tag", "beard")

VERBATIM_LOOP = THINKING[:1500] + " Wait, let me check the ears of this dog again, just to be sure." * 60
"""Begins as prose, then says one sentence for ever."""

SOFT_LOOP = THINKING[:1500] + "".join(
    f" Wait, maybe I should look at the {_NOUNS[turn % 12]} again, since number {turn} is not yet clear to me."
    for turn in range(60)
)
"""Begins as prose, then says one sentence for ever with two words changed, which exact matching does not see."""

CHINESE = "好的，我们来看这张图片。画面中间站着一只小狗，毛色是黑色和棕色，旁边有一个红色的球。"
