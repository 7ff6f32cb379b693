using System.Globalization;
using System.Net;
using System.Net.Sockets;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Policies.Rules;

/// <summary>Literal addresses and ranges. Each address has one accepted spelling, so that nothing hides behind another one.</summary>
internal static class AddressRules
{
    /// <summary>
    /// Whether <paramref name="host"/> would be read as an IPv4 address somewhere, in any spelling: its last label is a number.
    /// </summary>
    public static bool LooksLikeIPv4(string host)
    {
        string last = host.TrimEnd('.').Split('.')[^1];
        return last.Length > 0
            && (
                last.All(char.IsAsciiDigit)
                || (last.StartsWith("0x", StringComparison.OrdinalIgnoreCase) && last[2..].All(char.IsAsciiHexDigit))
            );
    }

    /// <summary>Accepts four decimal numbers without leading zeros.</summary>
    public static Checked<string> CheckIPv4(string text)
    {
        if (!IPAddress.TryParse(text, out IPAddress? address) || address.AddressFamily != AddressFamily.InterNetwork)
        {
            return Checked<string>.Refused("it is no IPv4 address; write four decimal numbers such as '192.0.2.7'");
        }

        return address.ToString() == text
            ? CheckUsable(address)
            : Checked<string>.Refused($"an IPv4 address is four decimal numbers without leading zeros; if it is meant, write '{address}'");
    }

    /// <summary>Accepts an IPv6 address and gives its shortest form in brackets, or the IPv4 address that it maps.</summary>
    public static Checked<string> CheckIPv6(string text)
    {
        if (
            text.Contains('%', StringComparison.Ordinal)
            || !IPAddress.TryParse(text, out IPAddress? address)
            || address.AddressFamily != AddressFamily.InterNetworkV6
        )
        {
            return Checked<string>.Refused("it is no IPv6 address; write it such as '[2001:db8::1]:443', without a zone");
        }

        Checked<string> usable = CheckUsable(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);
        return usable.Value is { } value && !address.IsIPv4MappedToIPv6 ? $"[{value}]" : usable;
    }

    /// <summary>Accepts <c>address/prefix</c> where no bit behind the prefix is set.</summary>
    public static Checked<string> CheckRange(string text)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        string head = text[..slash];
        bool isV6 = head.Contains(':', StringComparison.Ordinal);
        Checked<string> address = isV6 ? CheckRangeBase(head) : CheckIPv4Base(head);
        if (address.Problem is not null)
        {
            return address;
        }

        string digits = text[(slash + 1)..];
        int bits = isV6 ? 128 : 32;
        if (
            digits.Length is 0 or > 3
            || !digits.All(char.IsAsciiDigit)
            || (digits.Length > 1 && digits[0] == '0')
            || !int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int prefix)
            || prefix > bits
        )
        {
            return Checked<string>.Refused(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"the length behind '/' is a number from 1 to {bits}, and a range takes no port; write it such as '10.1.0.0/16'"
                )
            );
        }

        if (prefix == 0)
        {
            return Checked<string>.Refused("it covers every address; name the hosts or ranges that the agent needs");
        }

        string normal = $"{address.Value}/{digits}";
        if (!IPNetwork.TryParse(normal, out IPNetwork network) || !network.BaseAddress.Equals(IPAddress.Parse(address.Value!)))
        {
            return Checked<string>.Refused(
                $"bits behind the prefix are set; write '{Masked(IPAddress.Parse(address.Value!), prefix)}/{digits}' for the range or the address alone"
            );
        }

        return IsNameRange(network.BaseAddress) || (!isV6 && network.Contains(EndpointMatcher.NameRange.BaseAddress))
            ? Checked<string>.Refused(
                $"it holds addresses of {EndpointMatcher.NameRange}, which stand for names in the sandbox; name ranges beside these"
            )
            : normal;
    }

    private static bool IsNameRange(IPAddress address) =>
        address.AddressFamily == AddressFamily.InterNetwork && EndpointMatcher.NameRange.Contains(address);

    private static Checked<string> CheckIPv4Base(string text) =>
        IPAddress.TryParse(text, out IPAddress? address)
        && address.AddressFamily == AddressFamily.InterNetwork
        && address.ToString() == text
            ? text
            : Checked<string>.Refused("a range begins with an address; write it such as '10.1.0.0/16' or '2001:db8::/32'");

    private static Checked<string> CheckRangeBase(string text) =>
        !text.Contains('%', StringComparison.Ordinal) && IPAddress.TryParse(text, out IPAddress? address) && !address.IsIPv4MappedToIPv6
            ? address.ToString()
            : Checked<string>.Refused("a range begins with an address; write it such as '10.1.0.0/16' or '2001:db8::/32'");

    private static Checked<string> CheckUsable(IPAddress address)
    {
        if (IsNameRange(address))
        {
            return Checked<string>.Refused($"the addresses of {EndpointMatcher.NameRange} stand for names in the sandbox; name the host");
        }

        bool isMulticast =
            address.AddressFamily == AddressFamily.InterNetwork ? address.GetAddressBytes()[0] >= 224 : address.IsIPv6Multicast;
        return isMulticast || address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)
            ? Checked<string>.Refused("the unspecified address, broadcast and multicast are no endpoints; name one host")
            : address.ToString();
    }

    private static IPAddress Masked(IPAddress address, int prefix)
    {
        byte[] bytes = address.GetAddressBytes();
        for (int i = 0; i < bytes.Length; i++)
        {
            int kept = Math.Clamp(prefix - (i * 8), 0, 8);
            bytes[i] &= (byte)(0xFF << (8 - kept));
        }

        return new IPAddress(bytes);
    }
}
