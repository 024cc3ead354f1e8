"""Sidecars in the forms that photo programs document, each by the name of its program."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
LR = 'xmlns:lr="http://ns.adobe.com/lightroom/1.0/"'
DIGIKAM = 'xmlns:digiKam="http://www.digikam.org/ns/1.0/"'
XMP = 'xmlns:xmp="http://ns.adobe.com/xap/1.0/"'


def packet(descriptions: str, toolkit: str = "Adobe XMP Core 7.0-c000") -> str:
    """The frame that most programs write."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="{toolkit}">\n'
        f' <rdf:RDF xmlns:rdf="{RDF}">\n{descriptions} </rdf:RDF>\n</x:xmpmeta>\n'
        '<?xpacket end="w"?>'
    )


def listed(name: str, kind: str, *values: str) -> str:
    """A property with a list."""
    items = "".join(f"     <rdf:li>{value}</rdf:li>\n" for value in values)
    return f"   <{name}>\n    <rdf:{kind}>\n{items}    </rdf:{kind}>\n   </{name}>\n"


def described(content: str, attributes: str) -> str:
    """A description of the file."""
    return f'  <rdf:Description rdf:about="" {attributes}>\n{content}  </rdf:Description>\n'


EXIFTOOL = f"""<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x='adobe:ns:meta/' x:xmptk='Image::ExifTool 12.57'>
<rdf:RDF xmlns:rdf='{RDF}'>

 <rdf:Description rdf:about=''
  xmlns:dc='http://purl.org/dc/elements/1.1/'>
  <dc:subject>
   <rdf:Bag>
    <rdf:li>Paris</rdf:li>
    <rdf:li>B&amp;W</rdf:li>
   </rdf:Bag>
  </dc:subject>
  <dc:title>
   <rdf:Alt>
    <rdf:li xml:lang='x-default'>A &lt; B</rdf:li>
   </rdf:Alt>
  </dc:title>
 </rdf:Description>

 <rdf:Description rdf:about=''
  xmlns:xmp='http://ns.adobe.com/xap/1.0/'>
  <xmp:Rating>4</xmp:Rating>
 </rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end='w'?>"""

DARKTABLE = f"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="{RDF}">
  <rdf:Description rdf:about=""
    xmlns:exif="http://ns.adobe.com/exif/1.0/"
    {XMP}
    xmlns:darktable="http://darktable.sf.net/"
    {DC}
    {LR}
   exif:DateTimeOriginal="2024:06:01 12:00:00"
   xmp:Rating="1"
   darktable:xmp_version="5"
   darktable:raw_params="0"
   darktable:auto_presets_applied="1"
   darktable:history_end="1">
   <dc:subject>
    <rdf:Seq>
     <rdf:li>darktable</rdf:li>
     <rdf:li>places</rdf:li>
    </rdf:Seq>
   </dc:subject>
   <lr:hierarchicalSubject>
    <rdf:Seq>
     <rdf:li>darktable|exported</rdf:li>
     <rdf:li>places|France|Paris</rdf:li>
    </rdf:Seq>
   </lr:hierarchicalSubject>
   <darktable:history>
    <rdf:Seq>
     <rdf:li
      darktable:num="0"
      darktable:operation="exposure"
      darktable:enabled="1"
      darktable:modversion="6"
      darktable:params="00000000000000000000803f00004842000080c00100000001000000"
      darktable:multi_name=""
      darktable:blendop_params="gz14eJxjYIAACQYYOOHEgAYY0QVwggZ7CB6pfOygYtaVAyCMi48L/AcCEA0Ar2AXvA=="/>
    </rdf:Seq>
   </darktable:history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""

SHOTWELL = packet(
    '  <rdf:Description rdf:about=""\n'
    f'    {XMP} {DC}\n   xmp:Rating="3">\n'
    + listed("dc:subject", "Bag", "Events", "Café")
    + "  </rdf:Description>\n",
    "XMP Core 4.4.0-Exiv2",
)

LIGHTROOM = (
    packet(
        '  <rdf:Description rdf:about=""\n'
        f'    {XMP}\n    xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"\n'
        f"    {DC}\n    {LR}\n"
        '   xmp:CreatorTool="Adobe Lightroom 9.0 (Macintosh)"\n   crs:Version="12.0"\n'
        '   crs:Exposure2012="+0.35"\n   crs:ToneCurveName2012="Linear">\n'
        + listed("dc:subject", "Bag", "Places", "Paris")
        + listed("lr:hierarchicalSubject", "Bag", "Places|Paris")
        + "   <crs:ToneCurvePV2012>\n    <rdf:Seq>\n     <rdf:li>0, 0</rdf:li>\n"
        "     <rdf:li>255, 255</rdf:li>\n    </rdf:Seq>\n   </crs:ToneCurvePV2012>\n"
        '   <crs:Look>\n    <rdf:Description\n     crs:Name="Adobe Color"\n     '
        'crs:Amount="1">\n    <crs:Parameters>\n     <rdf:Description\n      '
        'crs:ProcessVersion="11.0"/>\n    </crs:Parameters>\n    </rdf:Description>\n   '
        "</crs:Look>\n  </rdf:Description>\n"
    )
    + "\n" * 20
)

IMMICH = EXIFTOOL.replace("B&amp;W", "Immich &gt; you").replace(
    "</rdf:RDF>",
    """
 <rdf:Description rdf:about=''
  xmlns:digiKam='http://www.digikam.org/ns/1.0/'>
  <digiKam:TagsList>
   <rdf:Seq>
    <rdf:li>Places/Paris</rdf:li>
   </rdf:Seq>
  </digiKam:TagsList>
 </rdf:Description>
</rdf:RDF>""",
)

FORMS = {
    "exiftool": EXIFTOOL,
    "exiftool compact": EXIFTOOL.replace("\n", "").replace("   ", " "),
    "exiv2": packet(
        described(
            listed("dc:subject", "Bag", "Paris") + listed("lr:hierarchicalSubject", "Bag", "A|B"),
            f'{DC} {LR} {XMP} xmp:Rating="2"',
        ),
        "XMP Core 4.4.0-Exiv2",
    ),
    "darktable": DARKTABLE,
    "darktable without tags": DARKTABLE[: DARKTABLE.index("   <dc:subject>")]
    + DARKTABLE[DARKTABLE.index("   <darktable:history>") :],
    "digiKam": packet(
        described(
            listed("digiKam:TagsList", "Seq", "Places/Paris", "Family")
            + listed("MicrosoftPhoto:LastKeywordXMP", "Bag", "Places/Paris", "Family")
            + listed("mediapro:CatalogSets", "Bag", "Places|Paris", "Family")
            + listed("lr:hierarchicalSubject", "Bag", "Places|Paris", "Family")
            + listed("dc:subject", "Bag", "Paris", "Family"),
            f'{DC} {LR} {DIGIKAM} {XMP} xmlns:mediapro="http://ns.iview-multimedia.com/mediapro/1.0/"'
            ' xmlns:MicrosoftPhoto="http://ns.microsoft.com/photo/1.0/"'
            ' digiKam:PickLabel="0" xmp:Rating="5" xmp:CreatorTool="digiKam-8.2.0"',
        ),
        "XMP Core 4.4.0-Exiv2",
    ),
    "digiKam without tags": packet(
        described("", f'{XMP} {DIGIKAM} digiKam:ColorLabel="0" xmp:Rating="0"')
    ),
    "Lightroom": LIGHTROOM,
    "Camera Raw without keywords": packet(
        f'  <rdf:Description rdf:about="" {XMP} {DC}\n   xmp:Rating="5" '
        'dc:format="image/x-canon-cr2"/>\n'
    ),
    "Shotwell": SHOTWELL,
    "Immich": IMMICH,
    "Capture One": packet(
        described(
            listed("dc:subject", "Bag", "Paris")
            + "   <photoshop:Urgency>3</photoshop:Urgency>\n"
            + listed("lightroom:hierarchicalSubject", "Bag", "Places|Paris"),
            f'{DC} xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
            'xmlns:lightroom="http://ns.adobe.com/lightroom/1.0/"',
        ),
        "XMP Core 5.5.0",
    ),
    "Photo Mechanic, with CRLF": LIGHTROOM.replace("\n", "\r\n"),
    "Apple Photos": packet(
        described(
            listed("dc:subject", "Seq", "Paris")
            + "   <photoshop:DateCreated>2024-06-01</photoshop:DateCreated>\n",
            f'{DC} xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"',
        ),
        "XMP Core 6.0.0",
    ),
    "ACDSee": packet(
        described(
            listed("dc:subject", "Bag", "Paris")
            + "   <acdsee:categories>&lt;Categories&gt;&lt;Category Assigned=&quot;1&quot;&gt;Paris"
            "&lt;/Category&gt;&lt;/Categories&gt;</acdsee:categories>\n",
            f'{DC} xmlns:acdsee="http://ns.acdsee.com/iptc/1.0/"',
        )
    ),
    "RawTherapee": f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'
    f'<rdf:Description rdf:about="" {XMP} xmp:Rating="1"/></rdf:RDF></x:xmpmeta>',
    "without xmpmeta": f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="" {DC}>'
    "<dc:subject><rdf:Bag><rdf:li>Paris</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF>",
    "about a document": packet(
        described(listed("dc:subject", "Bag", "Paris"), DC).replace(
            'rdf:about=""', 'rdf:about="uuid:faf5bdd5&amp;x"'
        )
    ),
    "empty lists": packet(
        described(
            "   <dc:subject><rdf:Bag/></dc:subject>\n"
            "   <lr:hierarchicalSubject/>\n"
            "   <digiKam:TagsList><rdf:Seq>\n</rdf:Seq></digiKam:TagsList>\n",
            f"{DC} {LR} {DIGIKAM}",
        )
    ),
    "no description": packet(""),
    "an empty RDF": f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"/></x:xmpmeta>',
    "a keyword as an attribute": packet(
        f'  <rdf:Description rdf:about="" {DC} {XMP}\n   dc:subject = \'Paris &gt; "x"\'\n'
        '   xmp:Rating="5"/>\n'
    ),
    "a keyword without a list": packet(
        described("   <dc:subject><![CDATA[Paris & B]]></dc:subject>\n", DC)
    ),
    "comments and instructions": packet(
        described(
            "   <!-- <dc:subject/> -->\n   <?pi <rdf:li>?>\n"
            "   <dc:subject><!-- a --><rdf:Bag><!-- b --><rdf:li>Pa<!-- c -->ris</rdf:li><!-- d -->"
            "</rdf:Bag></dc:subject>\n",
            DC,
        )
    ),
    "white space in keywords": packet(
        described(
            "   <dc:subject\n><rdf:Bag  ><rdf:li xml:lang='fr' > Paris </rdf:li ></rdf:Bag>"
            "</dc:subject >",
            DC,
        )
    ),
}
# Other prefixes, or none, for the same names.
FORMS["other prefixes"] = (
    (FORMS["exiv2"].replace("dc:", "keywords:").replace("xmlns:dc", "xmlns:keywords"))
    .replace("rdf:", "r:")
    .replace("xmlns:rdf", "xmlns:r")
)
FORMS["no prefixes"] = (
    f'<RDF xmlns="{RDF}" xmlns:r="{RDF}"><Description r:about="">'
    '<subject xmlns="http://purl.org/dc/elements/1.1/">'
    f'<Bag xmlns="{RDF}"><li>Paris</li></Bag></subject></Description></RDF>'
)
