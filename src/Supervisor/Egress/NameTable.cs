using System.Buffers.Binary;
using System.Net;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>
/// The addresses that stand for names inside the sandbox. They lead nowhere but to the supervisor, so that what the agent connects to is
/// known by its name, and no name is ever looked up outside before a connection is allowed.
/// </summary>
/// <param name="range">Where the addresses are taken from; at least a /16 of IPv4.</param>
internal sealed class NameTable(IPNetwork range)
{
    private const int MaxNames = 16_384;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, IPAddress> _addresses = new(StringComparer.Ordinal);
    private readonly Dictionary<IPAddress, string> _names = [];

    /// <summary>RFC 2544: addresses for measuring devices, which no host on the Internet has.</summary>
    public static IPNetwork Range { get; } = EndpointMatcher.NameRange;

    /// <summary>Addresses that every machine has without being given them, for sandboxes whose network may not be changed.</summary>
    public static IPNetwork LoopbackRange { get; } = IPNetwork.Parse("127.83.0.0/16");

    /// <summary>One of the addresses that no name ever gets: the last but one, since the last of a network may be special.</summary>
    public IPAddress Unused
    {
        get
        {
            byte[] bytes = range.BaseAddress.GetAddressBytes();
            BinaryPrimitives.WriteUInt32BigEndian(
                bytes,
                BinaryPrimitives.ReadUInt32BigEndian(bytes) | ((uint.MaxValue >> range.PrefixLength) - 1)
            );
            return new IPAddress(bytes);
        }
    }

    /// <summary>Whether an address is one of those that stand for names.</summary>
    public bool Holds(IPAddress address) => address.AddressFamily == range.BaseAddress.AddressFamily && range.Contains(address);

    /// <summary>The address of a name, which it keeps; null once there are too many names.</summary>
    public IPAddress? AddressOf(string name)
    {
        lock (_lock)
        {
            if (_addresses.TryGetValue(name, out IPAddress? known))
            {
                return known;
            }

            if (_names.Count == MaxNames)
            {
                return null;
            }

            Span<byte> bytes = range.BaseAddress.GetAddressBytes();
            BinaryPrimitives.WriteUInt32BigEndian(bytes, BinaryPrimitives.ReadUInt32BigEndian(bytes) + (uint)_names.Count + 1);
            IPAddress address = new(bytes);
            _addresses.Add(name, address);
            _names.Add(address, name);
            return address;
        }
    }

    /// <summary>The name that an address stands for; null where it stands for none.</summary>
    public string? NameOf(IPAddress address)
    {
        lock (_lock)
        {
            return _names.GetValueOrDefault(address);
        }
    }
}
