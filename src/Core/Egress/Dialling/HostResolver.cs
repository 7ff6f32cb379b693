using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Egress.Dialling;

/// <summary>
/// Finds the addresses of names, on the host, and keeps them for the run: what was judged is what is dialled, and a name cannot lead
/// elsewhere later.
/// </summary>
internal sealed class HostResolver(
    EndpointMatcher allowed,
    Func<string, CancellationToken, ValueTask<IPAddress[]>> resolve,
    CancellationToken stopping
)
{
    /// <summary>Below a wildcard an agent may ask for as many names as it likes.</summary>
    private const int MaxNames = 4096;

    private readonly ConcurrentDictionary<string, Task<IPAddress[]>> _pinned = new(StringComparer.Ordinal);

    /// <summary>The addresses to dial, in the system's order, families in turn.</summary>
    /// <exception cref="EgressRefusedException">All addresses of the name are such that no name may lead to them.</exception>
    /// <exception cref="UnreachableException">The name has no address.</exception>
    public ValueTask<IPAddress[]> ResolveAsync(EgressTarget target)
    {
        if (target.IsAddress)
        {
            // An address that may be asked for is listed in the policy, so it is no surprise.
            return ValueTask.FromResult<IPAddress[]>([IPAddress.Parse(target.Host)]);
        }

        if (_pinned.TryGetValue(target.Host, out Task<IPAddress[]>? known))
        {
            return new ValueTask<IPAddress[]>(known);
        }

        if (_pinned.Count >= MaxNames)
        {
            throw new EgressRefusedException($"More than {MaxNames} names were asked for", EgressAllowlist.Key);
        }

        TaskCompletionSource<IPAddress[]> mine = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<IPAddress[]> first = _pinned.GetOrAdd(target.Host, mine.Task);
        return new ValueTask<IPAddress[]>(first == mine.Task ? PinAsync(target.Host, mine) : first);
    }

    private async Task<IPAddress[]> PinAsync(string host, TaskCompletionSource<IPAddress[]> result)
    {
        try
        {
            result.SetResult(Judge(host, await resolve(host, stopping).ConfigureAwait(false)));
        }
        catch (SocketException exception)
        {
            // No answer is no answer for good: the next attempt asks again.
            _pinned.TryRemove(host, out _);
            result.SetException(new UnreachableException($"The name has no address ({exception.SocketErrorCode})", exception));
        }
        catch (Exception exception)
        {
            _pinned.TryRemove(host, out _);
            result.SetException(exception);
        }

        return await result.Task.ConfigureAwait(false);
    }

    private IPAddress[] Judge(string host, IPAddress[] found)
    {
        List<IPAddress> good = [];
        string? refused = null;
        foreach (IPAddress address in found)
        {
            IPAddress plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
            if (plain.AddressFamily is not (AddressFamily.InterNetwork or AddressFamily.InterNetworkV6))
            {
                continue;
            }

            if (AddressGuard.Problem(plain) is { } problem && !allowed.IsAddressListed(plain))
            {
                refused ??= $"'{host}' leads to {HostText.Of(plain)}, which is {problem}; where that is meant, list the address too";
            }
            else if (!good.Contains(plain))
            {
                good.Add(plain);
            }
        }

        if (good.Count > 0)
        {
            return Interleave(good);
        }

        throw refused is null
            ? new UnreachableException("The name has no address")
            : new EgressRefusedException(refused, EgressAllowlist.Key);
    }

    /// <summary>RFC 8305: the first address leads, then families take turns.</summary>
    private static IPAddress[] Interleave(List<IPAddress> addresses)
    {
        AddressFamily first = addresses[0].AddressFamily;
        IPAddress[] leading = [.. addresses.Where(address => address.AddressFamily == first)];
        IPAddress[] other = [.. addresses.Where(address => address.AddressFamily != first)];
        List<IPAddress> result = new(addresses.Count);
        for (int i = 0; i < Math.Max(leading.Length, other.Length); i++)
        {
            result.AddRange(leading.Skip(i).Take(1));
            result.AddRange(other.Skip(i).Take(1));
        }

        return [.. result];
    }
}
