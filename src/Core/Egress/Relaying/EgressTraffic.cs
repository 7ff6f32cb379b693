using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress.Relaying;

/// <summary>Counts the bytes of all connections of a run, and holds them to the policy's limit.</summary>
/// <param name="maxUploadBytes">The most bytes to one endpoint; 0 for no limit.</param>
internal sealed class EgressTraffic(long maxUploadBytes)
{
    private readonly ConcurrentDictionary<EgressTarget, StrongBox<long>> _byTarget = [];
    private long _sent;
    private long _received;

    public long Sent => Interlocked.Read(ref _sent);

    public long Received => Interlocked.Read(ref _received);

    /// <exception cref="EgressRefusedException">The endpoint would get more than it may; nothing is counted as sent.</exception>
    public void CountSent(EgressTarget target, int bytes)
    {
        if (maxUploadBytes > 0)
        {
            StrongBox<long> account = _byTarget.GetOrAdd(target, static _ => new StrongBox<long>());
            if (Interlocked.Add(ref account.Value, bytes) > maxUploadBytes)
            {
                throw new EgressRefusedException($"More than {maxUploadBytes} bytes to one endpoint", "network.max_upload_bytes");
            }
        }

        Interlocked.Add(ref _sent, bytes);
    }

    public void CountReceived(int bytes) => Interlocked.Add(ref _received, bytes);
}
