using System.Net;
using System.Text;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Egress.Tests;

/// <summary>The rules that both sides of the sandbox decide by.</summary>
[TestClass]
public sealed class EndpointMatcherTests
{
    private static readonly EndpointMatcher Matcher = new([
        "api.example.com",
        "git.example.com:22",
        "git.example.com:443",
        "*.cdn.example.com:8443",
        "192.0.2.7:5432",
        "[2001:db8::1]:443",
        "10.1.0.0/16",
        "2001:db8:1::/48",
        "192.0.2.9",
    ]);

    [TestMethod]
    [DataRow("api.example.com", 443, true)]
    [DataRow("api.example.com", 80, true)]
    [DataRow("api.example.com", 8080, false, DisplayName = "N4 allowed host, other port")]
    [DataRow("git.example.com", 22, true)]
    [DataRow("git.example.com", 443, true)]
    [DataRow("git.example.com", 80, false)]
    [DataRow("api.example.com.evil.com", 443, false, DisplayName = "N12 allowed name as a prefix")]
    [DataRow("notapi.example.com", 443, false, DisplayName = "N12 allowed name as a suffix")]
    [DataRow("example.com", 443, false)]
    [DataRow("a.cdn.example.com", 8443, true)]
    [DataRow("a.b.cdn.example.com", 8443, true)]
    [DataRow("cdn.example.com", 8443, false)]
    [DataRow("xcdn.example.com", 8443, false)]
    [DataRow("a.cdn.example.com", 443, false)]
    [DataRow("192.0.2.7", 5432, true)]
    [DataRow("192.0.2.7", 443, false)]
    [DataRow("192.0.2.9", 80, true)]
    [DataRow("2001:db8::1", 443, true)]
    [DataRow("2001:db8::1", 80, false)]
    [DataRow("10.1.255.255", 443, true)]
    [DataRow("10.1.255.255", 22, false)]
    [DataRow("10.2.0.0", 443, false)]
    [DataRow("2001:db8:1:2::3", 80, true)]
    [DataRow("0x0a010001", 443, false, DisplayName = "N3 an address in hexadecimal is no name")]
    [DataRow("167837697", 443, false, DisplayName = "N3 an address as one number is no name")]
    public void IsAllowed_Endpoint_AsThePolicySays(string host, int port, bool expected) =>
        Assert.AreEqual(expected, Matcher.IsAllowed(host, port));

    [TestMethod]
    public void IsAddressAllowed_MappedAddress_IsTheMappedOne()
    {
        Assert.IsTrue(Matcher.IsAddressAllowed(IPAddress.Parse("::ffff:10.1.0.1"), 443));
        Assert.IsFalse(Matcher.IsAddressAllowed(IPAddress.Parse("::ffff:10.2.0.1"), 443));
        Assert.IsTrue(Matcher.IsAddressListed(IPAddress.Parse("::ffff:192.0.2.7")));
    }

    [TestMethod]
    public void IsNameKnown_AndPortsOf_ListWhatMayBeLookedUp()
    {
        Assert.IsTrue(Matcher.IsNameKnown("git.example.com"));
        Assert.IsTrue(Matcher.IsNameKnown("x.cdn.example.com"));
        Assert.IsFalse(Matcher.IsNameKnown("cdn.example.com"));
        Assert.AreSequenceEqual([22, 443], Matcher.PortsOf("git.example.com").Order());
        Assert.AreSequenceEqual([8443], Matcher.PortsOf("x.y.cdn.example.com"));
        Assert.IsEmpty(Matcher.PortsOf("evil.test"));
        Assert.IsEmpty(new EndpointMatcher([]).PortsOf("api.example.com"), "N13 empty allowlist");
    }

    [TestMethod]
    public void Matching_AllocatesNothing()
    {
        IPAddress address = IPAddress.Parse("10.1.2.3");
        Match();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            Match();
        }

        Assert.AreEqual(before, GC.GetAllocatedBytesForCurrentThread());

        void Match()
        {
            _ =
                Matcher.IsNameAllowed("a.b.cdn.example.com", 8443)
                && Matcher.IsNameKnown("evil.test")
                && Matcher.IsAddressAllowed(address, 443);
        }
    }

    [TestMethod]
    [DataRow("API.Example.COM", "api.example.com")]
    [DataRow("api.example.com.", "api.example.com")]
    [DataRow("xn--bcher-kva.example", "xn--bcher-kva.example")]
    [DataRow("_srv.example.com", "_srv.example.com")]
    [DataRow("api.example.com..", null)]
    [DataRow("api..example.com", null)]
    [DataRow(".example.com", null)]
    [DataRow("", null)]
    [DataRow(".", null)]
    [DataRow("-a.example", null)]
    [DataRow("a-.example", null)]
    [DataRow("bücher.example", null)]
    [DataRow("a\0.example", null)]
    [DataRow("a.example\r\nHost: b", null)]
    [DataRow("a b.example", null)]
    [DataRow("1.2.3.4", null)]
    [DataRow("1.2.3.0x4", null)]
    [DataRow("0x7f000001", null)]
    [DataRow("2130706433", null)]
    public void Name_HasOneSpelling(string raw, string? expected)
    {
        char[] name = new char[HostText.MaxLength];
        bool isName = HostText.TryNormalizeName(Encoding.UTF8.GetBytes(raw), name, out int length);
        Assert.AreEqual(expected, isName ? new string(name, 0, length) : null);
    }

    [TestMethod]
    [DataRow("::ffff:10.0.0.1", "10.0.0.1")]
    [DataRow("2001:DB8::0:1", "2001:db8::1")]
    [DataRow("fe80::1%3", "fe80::1")]
    public void Address_HasOneSpelling(string text, string expected) => Assert.AreEqual(expected, HostText.Of(IPAddress.Parse(text)));
}
