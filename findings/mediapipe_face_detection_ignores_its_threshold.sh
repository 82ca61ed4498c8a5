#!/bin/sh
# mediapipe 0.10.21, the last that has mediapipe.solutions: face_detection.FaceDetection takes a
# min_detection_confidence, and it does nothing: whether it is 0 or 1, the near model gives the faces
# that score .5 or more, the far one those from .6 on, without a word. FaceMesh, which takes the same
# parameter, keeps to it. Filter by detection.score, or take the tasks API, which keeps to it, too.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mediapipe==0.10.21 scikit-image==0.25.2
cd "$folder"
GLOG_minloglevel=2 venv/bin/python - <<'PYTHON' 2>errors.txt || { cat errors.txt; exit 1; }
import mediapipe
from skimage import data

portrait = data.astronaut()
solutions = mediapipe.solutions
for model in (0, 1):
    seen = {}
    for least in (0.0, 0.5, 0.95, 1.0):
        with solutions.face_detection.FaceDetection(
            min_detection_confidence=least, model_selection=model
        ) as detector:
            found = detector.process(portrait).detections or []
        seen[least] = [round(one.score[0], 3) for one in found]
    print(f"model {model}: threshold -> scores of the faces: {seen}")
    assert all(scores == seen[0.5] for scores in seen.values())
    assert len(seen[1.0]) == 1
    assert 0.5 < seen[1.0][0] < 0.95
meshes = {}
for least in (0.5, 1.0):
    with solutions.face_mesh.FaceMesh(
        static_image_mode=True, min_detection_confidence=least
    ) as mesh:
        meshes[least] = len(mesh.process(portrait).multi_face_landmarks or [])
print(f"FaceMesh: threshold -> faces: {meshes}")
assert meshes == {0.5: 1, 1.0: 0}
PYTHON
