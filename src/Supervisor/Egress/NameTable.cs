using System.Buffers.Binary;
using System.Net;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>
/// The addresses that stand for names inside the sandbox. They lead nowhere but to the supervisor, so that what the agent connects to is known by its name, and no name is ever
/// looked up outside before a connection is allowed.
/// </summary>
internal sealed class NameTable
{
    private const int MaxNames = 16_384;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, IPAddress> _addresses = new(StringComparer.Ordinal);
    private readonly Dictionary<IPAddress, string> _names = [];

    /// <summary>RFC 2544: addresses for measuring devices, which no host on the Internet has.</summary>
    public static IPNetwork Range { get; } = IPNetwork.Parse("198.18.0.0/15");

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

            Span<byte> bytes = Range.BaseAddress.GetAddressBytes();
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
