using System.Net;
using System.Net.Sockets;

namespace IsolatedAgents.Protocol;

/// <summary>
/// The one spelling of host names and addresses that come from an agent. What has no such spelling is refused, so that nothing hides behind
/// another one.
/// </summary>
internal static class HostText
{
    /// <summary>Characters of the longest host name.</summary>
    public const int MaxLength = 253;

    private const int MaxLabel = 63;

    /// <summary>Gives a host name in lower case and without its trailing dot.</summary>
    /// <param name="raw">
    /// The name as it was sent; any other byte than letters, digits, inner hyphens, underscores and single dots makes it no name.
    /// </param>
    /// <param name="name">Room for <see cref="MaxLength"/> characters.</param>
    /// <param name="length">Characters written.</param>
    /// <returns>False where it is no host name, and where it is an address in any spelling.</returns>
    public static bool TryNormalizeName(ReadOnlySpan<byte> raw, Span<char> name, out int length)
    {
        length = 0;
        ReadOnlySpan<byte> rest = !raw.IsEmpty && raw[^1] == (byte)'.' ? raw[..^1] : raw;
        if (rest.IsEmpty || rest.Length > MaxLength)
        {
            return false;
        }

        int label = 0;
        for (int i = 0; i < rest.Length; i++)
        {
            byte value = rest[i];
            if (value == (byte)'.')
            {
                if (label == 0 || rest[i - 1] == (byte)'-')
                {
                    return false;
                }

                label = 0;
            }
            else if (!IsLabelByte(value) || (label == 0 && value == (byte)'-') || ++label > MaxLabel)
            {
                return false;
            }

            name[i] = (char)(value is >= (byte)'A' and <= (byte)'Z' ? value | 0x20 : value);
        }

        length = rest.Length;
        return label > 0 && rest[^1] != (byte)'-' && !EndsInNumber(name[..length]);
    }

    /// <summary>
    /// The one spelling of an address: IPv4 as four decimal numbers, IPv6 in its shortest form without brackets and zone, an IPv4-mapped
    /// IPv6 address as IPv4.
    /// </summary>
    public static string Of(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4().ToString();
        }

        return address.AddressFamily == AddressFamily.InterNetworkV6 && address.ScopeId != 0
            ? new IPAddress(address.GetAddressBytes()).ToString()
            : address.ToString();
    }

    /// <summary>Whether a host in its one spelling is an address.</summary>
    public static bool IsAddress(string host) => host.Contains(':', StringComparison.Ordinal) || EndsInNumber(host);

    /// <summary>Whether the last label is a number, decimal or hexadecimal, which some resolver would take for an IPv4 address.</summary>
    private static bool EndsInNumber(ReadOnlySpan<char> host)
    {
        ReadOnlySpan<char> last = host[(host.LastIndexOf('.') + 1)..];
        return last.IsEmpty
            || !last.ContainsAnyExceptInRange('0', '9')
            || (last.StartsWith("0x", StringComparison.Ordinal) && IsHex(last[2..]));
    }

    private static bool IsHex(ReadOnlySpan<char> text)
    {
        foreach (char character in text)
        {
            if (!char.IsAsciiHexDigit(character))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsLabelByte(byte value) =>
        value is >= (byte)'a' and <= (byte)'z' or >= (byte)'A' and <= (byte)'Z' or >= (byte)'0' and <= (byte)'9' or (byte)'-' or (byte)'_';
}
