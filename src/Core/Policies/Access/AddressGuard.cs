using System.Net;

namespace IsolatedAgents.Policies.Access;

/// <summary>
/// Addresses that a name must not lead to, since what answers there is not on the Internet: this machine, its networks, its cloud's
/// metadata service, or an address that stands for another one. After IANA's registries of special-purpose addresses.
/// </summary>
internal static class AddressGuard
{
    private static readonly (IPNetwork Range, string What)[] Special =
    [
        Row("0.0.0.0/8", "this network"),
        Row("10.0.0.0/8", "private"),
        Row("100.64.0.0/10", "shared by carriers"),
        Row("127.0.0.0/8", "loopback"),
        Row("169.254.169.254/32", "the cloud's metadata service"),
        Row("169.254.0.0/16", "link-local"),
        Row("172.16.0.0/12", "private"),
        Row("192.0.0.0/24", "reserved"),
        Row("192.0.2.0/24", "for documentation"),
        Row("192.88.99.0/24", "a 6to4 relay"),
        Row("192.168.0.0/16", "private"),
        Row("198.18.0.0/15", "for benchmarks"),
        Row("198.51.100.0/24", "for documentation"),
        Row("203.0.113.0/24", "for documentation"),
        Row("224.0.0.0/4", "multicast"),
        Row("240.0.0.0/4", "reserved"),
        // Of a public range, but answered by the machine that the virtual one runs on.
        Row("168.63.129.16/32", "the cloud's metadata service"),
        Row("::1/128", "loopback"),
        Row("::/96", "an IPv4 address in disguise"),
        Row("64:ff9b::/96", "an IPv4 address in disguise"),
        Row("64:ff9b:1::/48", "an IPv4 address in disguise"),
        Row("2001::/32", "a Teredo tunnel"),
        Row("2001::/23", "reserved"),
        Row("2001:db8::/32", "for documentation"),
        Row("2002::/16", "a 6to4 tunnel"),
        Row("3fff::/20", "for documentation"),
        Row("fd00:ec2::/32", "the cloud's metadata service"),
        Row("fc00::/7", "private"),
        Row("fe80::/10", "link-local"),
        Row("fec0::/10", "private"),
        Row("ff00::/8", "multicast"),
    ];

    private static readonly IPNetwork GlobalUnicast = IPNetwork.Parse("2000::/3");

    /// <summary>
    /// Names the special range of an address, worded to follow "which is"; null where it is an ordinary public one. An IPv4-mapped address
    /// is judged as the IPv4 one.
    /// </summary>
    public static string? Problem(IPAddress address)
    {
        IPAddress plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        foreach ((IPNetwork range, string what) in Special)
        {
            if (range.BaseAddress.AddressFamily == plain.AddressFamily && range.Contains(plain))
            {
                return what;
            }
        }

        return plain.AddressFamily == GlobalUnicast.BaseAddress.AddressFamily && !GlobalUnicast.Contains(plain) ? "reserved" : null;
    }

    private static (IPNetwork Range, string What) Row(string range, string what) => (IPNetwork.Parse(range), what);
}
