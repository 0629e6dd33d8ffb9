"""From a packed dataset to a repository on the hub that holds just this, checked by reading it back."""

from pipeline.publishing.publish.options import PublishOptions
from pipeline.publishing.publish.publish import Draft, Publication, draft, publish

__all__ = ["Draft", "Publication", "PublishOptions", "draft", "publish"]
