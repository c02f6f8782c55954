"""Spellings of addresses: what is not public, in every form that was found to lead there, and what is."""

from __future__ import annotations

REFUSED = (
    *("127.0.0.1", "localhost", "LOCALhost", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1"),
    *("017700000001", "00000177.1", "127.65535", "0", "2852039166", "0xa9fea9fe", "0177.0.0.1", "256.256.256.256"),
    *("1.2.3.4.5", "4294967296", "127.0.0.1.", "localhost.", "foo.localhost", "0.0.0.0", "0.1.2.3", "10.0.0.1"),
    *("172.16.0.1", "192.168.0.1", "169.254.169.254", "240.0.0.1", "255.255.255.255", "100.64.0.1"),
    *("100.100.100.200", "198.18.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.0.0.1", "192.0.0.170"),
    *("192.0.0.8", "192.0.0.128", "192.88.99.1", "224.0.0.1", "239.255.255.250", "168.63.129.16"),
    *("[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]"),
    *("[::ffff:0:0]", "[::ffff:100.64.0.1]", "[::127.0.0.1]", "[::a9fe:a9fe]", "[::ffff:0:127.0.0.1]"),
    *("[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::808:808]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]"),
    *("[2002:a9fe:a9fe::1]", "[2002:808:808::1]", "[2001:0:7f00:1::]", "[2001:1::1]", "[2001:3::1]"),
    *("[2001:4:112::1]", "[2001:20::1]", "[2001:db8::1]", "[100::1]", "[3fff::1]", "[5f00::1]", "[4000::1]"),
    *("[100:0:0:1::1]", "[fec0::1]", "[ff02::1]", "[ff0e::1]", "[fc00::1]", "[fd00:ec2::254]", "[fe80::1]"),
    *("[fe80::1%eth0]", "[fe80::1%25eth0]", "[v1.fe80::a]", "[127.0.0.1]", "[::1", "::1"),
    *("１２７.０.０.１", "①②⑦.⓪.⓪.①", "ⓛocalhost", "localhoﬆ", "\u00ad127.0.0.1", "127.0.0.1\u200b"),
    *("127。0。0。1", "127.0.0.1\x00.example.com", "127.0.0.1%00.example.com", "127%2e0%2e0%2e1", "127.0.0.1%0a"),
    *("a@127.0.0.1", "example.com@127.0.0.1", "example.com:80@127.0.0.1", "example.com%2f@127.0.0.1"),
    *("example.com\\@127.0.0.1", "127.0.0.1\\@example.com", "127.0.0.1#@example.com", "127.0.0.1?@example.com"),
    *("example.com:0", "example.com:22", "example.com:65616", "example.com:131152", "example.com:-80"),
    *("example.com:+80", "example.com:８０", "example.com:99999999999", "user@example.com", "user:pw@example.com"),
    *(":pw@example.com", "@example.com", "exa mple.com", "example.com.", "a..b", ".com", "-a.com", "a-.com"),
    *("a" * 64 + ".com", "exam\tple.com", "example.com\n", "ex'ample.com", "0x7f000001.0x1", "1.0x", "example.com%00"),
)
"""What stands between ``http://`` and ``/``."""

REFUSED_WHOLE = (
    *("http:\\\\127.0.0.1\\", "http:/127.0.0.1", "http:127.0.0.1", "http:///127.0.0.1", " http://127.0.0.1/"),
    *("http://127.0.0.1/ ", "//127.0.0.1/", "HTTP://127.0.0.1/", "hTTp://127.0.0.1/", "ht\ttp://127.0.0.1/", ""),
    *("file:///etc/passwd", "FILE://localhost/etc/passwd", "ftp://example.com/", "gopher://example.com/"),
    *("ws://example.com/", "data:text/html,x", "javascript:alert(1)", "example.com", "/etc/passwd", "http://"),
    *("http://?x", "http://#x", "https://", "mailto:a@example.com", "http://example.com/\ud800", "http://[/"),
    *("http://example.com/a b", "http://example.com/a\\b", "http://example.com/\x7f", "x" * 5000),
    *("http://example.com/" + "x" * 5000, "jar:http://example.com/", "view-source:http://example.com/"),
)

PUBLIC = (
    *("http://example.com/", "https://example.com/a?b=c", "http://example.com:80/", "https://example.com:443/x"),
    *(
        "http://example.com:443/",
        "http://EXAMPLE.com/",
        "http://xn--fa-hia.de/",
        "http://faß.de/",
        "http://example.com:/",
    ),
    *("http://example.com:080/", "http://8.8.8.8/", "http://[2606:4700::1111]/", "http://[::ffff:8.8.8.8]/"),
    *(
        "http://192.31.196.1/",
        "http://192.52.193.1/",
        "http://192.175.48.1/",
        "http://a_b.example.com/",
        "http://1a.de/",
    ),
    *("http://example.com/@x", "http://example.com/?u=http://127.0.0.1/", "http://example.com/#http://127.0.0.1/"),
    *("http://münchen.example/", "http://example.com/é?ü", "http://0x7f000001.example.com/", "http://example.com/%00"),
)

NOT_PUBLIC_ADDRESSES = (
    *("127.0.0.1", "127.255.255.255", "0.0.0.0", "10.0.0.1", "100.64.0.1", "100.127.255.255", "169.254.169.254"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.8", "192.0.0.170", "192.0.2.1", "192.88.99.1"),
    *("192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250"),
    *("240.0.0.1", "255.255.255.255", "168.63.129.16", "::", "::1", "::ffff:127.0.0.1", "::ffff:100.64.0.1"),
    *("::ffff:168.63.129.16", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1"),
    *(
        "100::1",
        "2001::1",
        "2001:1::1",
        "2001:3::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "4000::1",
    ),
    *(
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "100:0:0:1::1",
    ),
    *("2606:4700::1%eth0", "127.1", "", "localhost", "8.8.8.8 ", "0127.0.0.1", "nonsense"),
)
