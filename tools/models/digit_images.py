"""Images of digits, rendered in fonts that Debian packages: the data for train_digits.py.

A sample begins as one glyph, large, in a random face of a random family; it is turned, sheared, scaled, shifted and
blurred on a 64x64 canvas, and then gets two grey levels (dark on light or light on dark), an uneven background and
noise. Families in HELD_OUT are never trained on, and neither is any close relative of their design.
"""
import glob
import os

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

FONT_ROOT = "/usr/share/fonts"
CANVAS = 64
INPUT = 28

# Package, family, files. Hairline and thin weights are left out on both sides: at 28 pixels they sink into the noise.
TRAINING = [
    ("fonts-dejavu-core", "DejaVu Sans", "truetype/dejavu/DejaVuSans.ttf truetype/dejavu/DejaVuSans-Bold.ttf"),
    ("fonts-dejavu-extra", "DejaVu Sans Condensed", "truetype/dejavu/DejaVuSansCondensed*.ttf"),
    ("fonts-dejavu-core", "DejaVu Sans Mono", "truetype/dejavu/DejaVuSansMono*.ttf"),
    ("fonts-dejavu-core", "DejaVu Serif", "truetype/dejavu/DejaVuSerif*.ttf"),
    ("fonts-liberation", "Liberation Sans", "truetype/liberation/LiberationSans-*.ttf"),
    ("fonts-liberation", "Liberation Sans Narrow", "truetype/liberation/LiberationSansNarrow-*.ttf"),
    ("fonts-liberation", "Liberation Serif", "truetype/liberation/LiberationSerif-*.ttf"),
    ("fonts-liberation", "Liberation Mono", "truetype/liberation/LiberationMono-*.ttf"),
    ("fonts-freefont-ttf", "FreeSans", "truetype/freefont/FreeSans*.ttf"),
    ("fonts-freefont-ttf", "FreeSerif", "truetype/freefont/FreeSerif*.ttf"),
    ("fonts-freefont-ttf", "FreeMono", "truetype/freefont/FreeMono*.ttf"),
    ("fonts-noto-core", "Noto Sans", "truetype/noto/NotoSans-*.ttf"),
    ("fonts-noto-core", "Noto Serif", "truetype/noto/NotoSerif-*.ttf"),
    ("fonts-noto-mono", "Noto Sans Mono", "truetype/noto/NotoSansMono-*.ttf"),
    ("fonts-roboto-unhinted", "Roboto", "truetype/roboto/unhinted/RobotoTTF/Roboto-[BILMR]*.ttf"),
    ("fonts-roboto-unhinted", "Roboto Condensed", "truetype/roboto/unhinted/RobotoCondensed-*.ttf"),
    ("fonts-roboto-slab", "Roboto Slab", "opentype/roboto/slab/RobotoSlab-[BLR]*.otf"),
    ("fonts-open-sans", "Open Sans", "truetype/open-sans/OpenSans-*.ttf"),
    ("fonts-cantarell", "Cantarell", "opentype/cantarell/Cantarell-[BELR]*.otf"),
    ("fonts-comfortaa", "Comfortaa", "truetype/comfortaa/Comfortaa-*.ttf"),
    ("fonts-quicksand", "Quicksand", "truetype/quicksand/Quicksand-*.ttf"),
    ("fonts-jura", "Jura", "opentype/jura/Jura-*.otf"),
    ("fonts-inconsolata", "Inconsolata", "truetype/inconsolata/Inconsolata.otf"),
    ("fonts-anonymous-pro", "Anonymous Pro", "truetype/anonymous-pro/Anonymous*Pro*.ttf"),
    ("fonts-ebgaramond", "EB Garamond", "opentype/ebgaramond/EBGaramond12-*.otf"),
    ("fonts-junicode", "Junicode", "opentype/junicode/JunicodeTwoBeta-[BMR]*.otf"),
    ("fonts-crosextra-caladea", "Caladea", "truetype/crosextra/Caladea-*.ttf"),
    ("fonts-urw-base35", "C059", "opentype/urw-base35/C059-*.otf"),
    ("fonts-urw-base35", "URW Bookman", "opentype/urw-base35/URWBookman-*.otf"),
    ("fonts-urw-base35", "URW Gothic", "opentype/urw-base35/URWGothic-*.otf"),
]
HELD_OUT = [
    # Carlito descends from Lato: both are kept out.
    ("fonts-lato", "Lato", "truetype/lato/Lato-[BLMRS]*.ttf truetype/lato/Lato-Heavy*.ttf"),
    ("fonts-crosextra-carlito", "Carlito", "truetype/crosextra/Carlito-*.ttf"),
    ("fonts-cabin", "Cabin", "opentype/cabin/Cabin-*.otf"),
    ("fonts-firacode", "Fira Code", "truetype/firacode/FiraCode-*.ttf"),
    ("fonts-courier-prime", "Courier Prime", "opentype/courier-prime/Courier*Prime*.otf"),
    ("fonts-linuxlibertine", "Linux Libertine", "opentype/linux-libertine/LinLibertine_[MR]*.otf"),
    ("fonts-linuxlibertine", "Linux Biolinum", "opentype/linux-libertine/LinBiolinum_R*.otf"),
    ("fonts-urw-base35", "P052", "opentype/urw-base35/P052-*.otf"),
]


def load_families(rows):
    """[(family, [face, …])]; stops with the packages to install where a font is missing."""
    families, missing = [], []
    for package, family, patterns in rows:
        paths = sorted({p for pattern in patterns.split() for p in glob.glob(os.path.join(FONT_ROOT, pattern))})
        if paths:
            families.append((family, paths))
        else:
            missing.append(package)
    if missing:
        raise SystemExit("fonts are missing; install them with: apt-get install " + " ".join(sorted(set(missing))))
    return families


class GlyphCache:
    """Glyphs as tightly cropped grey images, 96 pixels high at most."""

    def __init__(self):
        self._glyphs = {}

    def get(self, path, digit):
        key = (path, digit)
        if key not in self._glyphs:
            font = ImageFont.truetype(path, 120, layout_engine=ImageFont.Layout.BASIC)
            canvas = Image.new("L", (300, 300))
            ImageDraw.Draw(canvas).text((80, 60), str(digit), font=font, fill=255)
            box = canvas.getbbox()
            if box is None:
                raise SystemExit(f"the font ({path}) has no glyph for the digit ({digit}); take it off the list")
            self._glyphs[key] = canvas.crop(box)
        return self._glyphs[key]


def draw_mask(glyph, rng):
    """Coverage of the canvas by the glyph after a random affine map and blur: uint8, CANVAS x CANVAS."""
    height = rng.uniform(0.55, 0.86) * CANVAS
    scale_y = height / glyph.height
    scale_x = scale_y * rng.uniform(0.85, 1.15)
    # a wide glyph must not leave the canvas
    scale_x = min(scale_x, 0.86 * CANVAS / glyph.width)
    angle = np.deg2rad(rng.uniform(-14, 14))
    shear = rng.uniform(-0.12, 0.12)
    room_x = max(0.0, (CANVAS - scale_x * glyph.width) / 2 - 3)
    room_y = max(0.0, (CANVAS - height) / 2 - 2)
    shift = np.array([rng.uniform(-room_x, room_x), rng.uniform(-room_y, room_y)])
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    forward = rotation @ np.array([[1, shear], [0, 1]]) @ np.diag([scale_x, scale_y])
    inverse = np.linalg.inv(forward)
    centre = np.array([glyph.width / 2, glyph.height / 2])
    offset = centre - inverse @ (np.array([CANVAS / 2, CANVAS / 2]) + shift)
    coefficients = (inverse[0, 0], inverse[0, 1], offset[0], inverse[1, 0], inverse[1, 1], offset[1])
    mask = glyph.transform((CANVAS, CANVAS), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    return mask.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.8)))


def shrink(image, how):
    """CANVAS to INPUT pixels by one of the ways in which programs shrink images."""
    if how == "area":
        return image.resize((INPUT, INPUT), Image.Resampling.BOX)
    if how == "triangle":
        return image.resize((INPUT, INPUT), Image.Resampling.BILINEAR)  # Pillow widens the filter when shrinking
    assert how == "bilinear", how
    ratio = image.width / INPUT, image.height / INPUT
    centre = (ratio[0], 0, 0, 0, ratio[1], 0)  # Pillow samples at pixel centres: half-pixel coordinates
    return image.transform((INPUT, INPUT), Image.Transform.AFFINE, centre, Image.Resampling.BILINEAR)


SHRINKS = ("area", "triangle", "bilinear")


def paint(masks, rng):
    """Grey levels, background and noise for masks (count, height, width) in 0…1: grey values in 0…255, unrounded."""
    count, height, width = masks.shape
    low = rng.uniform(0, 90, (count, 1, 1))
    high = np.minimum(255, low + rng.uniform(70, 220, (count, 1, 1)))
    inverted = rng.random((count, 1, 1)) < 0.5
    ink, ground = np.where(inverted, low, high), np.where(inverted, high, low)
    y, x = np.mgrid[-0.5:0.5:height * 1j, -0.5:0.5:width * 1j]
    slope = rng.uniform(-24, 24, (2, count, 1, 1))
    images = ground + (ink - ground) * masks + slope[0] * x + slope[1] * y
    images += rng.normal(0, 1, images.shape) * rng.uniform(0, 14, (count, 1, 1))
    return np.clip(images, 0, 255).astype(np.float32)


def make_masks(families, count, seed):
    """`count` samples, classes in turn: (masks uint8 (count, INPUT, INPUT), labels, index of family)."""
    rng = np.random.default_rng(seed)
    cache = GlyphCache()
    masks = np.empty((count, INPUT, INPUT), np.uint8)
    labels = np.arange(count) % 10
    family_of = rng.integers(0, len(families), count)
    for i in range(count):
        paths = families[family_of[i]][1]
        mask = draw_mask(cache.get(paths[rng.integers(0, len(paths))], labels[i]), rng)
        masks[i] = np.asarray(shrink(mask, SHRINKS[rng.integers(0, len(SHRINKS))]))
    return masks, labels, family_of


def make_pictures(families, per_class, seed):
    """CANVAS-sized grey pictures as a camera would give them: [(digit, n, family, image)]."""
    rng = np.random.default_rng(seed)
    cache = GlyphCache()
    pictures = []
    for digit in range(10):
        for n in range(per_class):
            family, paths = families[rng.integers(0, len(families))]
            mask = np.asarray(draw_mask(cache.get(paths[rng.integers(0, len(paths))], digit), rng)) / 255.0
            grey = paint(mask[None], rng)[0]
            pictures.append((digit, n, family, Image.fromarray(np.rint(grey).astype(np.uint8), "L")))
    return pictures
