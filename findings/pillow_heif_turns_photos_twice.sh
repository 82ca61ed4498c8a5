#!/bin/sh
# pillow-heif 1.8.1 with Pillow 13.0.0: pillow_heif.from_pillow(photo).save("x.heic"), of a JPEG whose
# EXIF says that it is to be turned by 90 degrees, turns the pixels and writes the turn beside them,
# too: readers turn it again, and the photo lies on its side. Image.save("x.heic") of the same photo
# turns it once, as does from_pillow after ImageOps.exif_transpose.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow-heif==1.8.1 pillow==13.0.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import pillow_heif
from PIL import Image, ImageOps

pillow_heif.register_heif_opener()
exif = Image.Exif()
exif[0x0112] = 6  # held upright by the camera's side: turned by 90 degrees to be seen
Image.new("RGB", (640, 320), "olive").save("photo.jpg", exif=exif)
photo = Image.open("photo.jpg")
upright = ImageOps.exif_transpose(photo)

photo.save("image_save.heic")
pillow_heif.from_pillow(photo).save("from_pillow.heic")
pillow_heif.from_pillow(upright).save("from_pillow_upright.heic")
seen = {}
for name in ("image_save", "from_pillow", "from_pillow_upright"):
    image = Image.open(f"{name}.heic")
    seen[name] = ImageOps.exif_transpose(image).size
    print(f"{name}: shown as {seen[name]}, the photo is {upright.size}")
assert seen["image_save"] == seen["from_pillow_upright"] == upright.size == (320, 640)
assert seen["from_pillow"] == (640, 320)
PYTHON
