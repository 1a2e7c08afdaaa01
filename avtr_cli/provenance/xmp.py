"""What a file says of its origin, as an XMP packet: IPTC's words, readable by archives, editors and search engines.

Properties: `Iptc4xmpExt:DigitalSourceType`, `AISystemUsed`, `AISystemVersionUsed` (IPTC Photo Metadata 2025.1 and
Video Metadata Hub), `xmp:CreatorTool`, `dc:description`; what IPTC has no word for lies under `urn:avtr:`.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

_NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "avtr": "urn:avtr:provenance:",
}
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'  # fixed by the XMP specification, part 1
_END = '<?xpacket end="w"?>'


def packet(description: str, properties: Mapping[str, str]) -> bytes:
    """An XMP packet with `dc:description` and simple properties such as `xmp:CreatorTool`."""
    spaces = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items() if prefix != "rdf")
    attributes = "".join(f"\n    {name}={quoteattr(value)}" for name, value in properties.items())
    text = escape(description)
    return (
        f'{_BEGIN}\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n <rdf:RDF xmlns:rdf="{_NAMESPACES["rdf"]}">\n'
        f'  <rdf:Description rdf:about=""{spaces}{attributes}>\n'
        f'   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt></dc:description>\n'
        f"  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n{_END}"
    ).encode()


def read(data: bytes) -> dict[str, str]:
    """The simple properties of a packet by their usual prefixed names; nothing where it cannot be read.

    A packet is a stranger's file: one with a DOCTYPE, which XMP forbids, is not looked at.
    """
    if b"<!DOCTYPE" in data:
        return {}
    try:
        root = ElementTree.fromstring(data.strip(b"\0 \r\n\t"))
    except (ElementTree.ParseError, ValueError):
        return {}
    found: dict[str, str] = {}
    for description in root.iter(f"{{{_NAMESPACES['rdf']}}}Description"):
        values = {**description.attrib, **{child.tag: (child.text or "").strip() for child in description}}
        for name, value in values.items():
            for prefix, uri in _NAMESPACES.items():
                if name.startswith(f"{{{uri}}}") and value:
                    found[f"{prefix}:{name.removeprefix(f'{{{uri}}}')}"] = value
    return found
