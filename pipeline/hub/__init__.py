"""The Hugging Face hub by HTTP: addresses, files read by range, and one table of what is waited out and what is not."""

from pipeline.hub.asking import Asker
from pipeline.hub.files import HubFile, HubFiles
from pipeline.hub.place import Place
from pipeline.hub.purpose import Purpose

__all__ = ["Asker", "HubFile", "HubFiles", "Place", "Purpose"]
