using System.Runtime.InteropServices;

namespace IsolatedAgents.Supervisor.Paths;

/// <summary>
/// A hash that is quick, and another one in each sandbox: an agent that chooses its paths cannot make them meet.
/// </summary>
internal static class TextHash
{
    private static readonly ulong Seed = (ulong)Random.Shared.NextInt64();

    public static ulong Add(ulong hash, ReadOnlySpan<byte> text)
    {
        hash = Mix(hash ^ Seed ^ (ulong)text.Length);
        foreach (ulong word in MemoryMarshal.Cast<byte, ulong>(text))
        {
            hash = Mix(hash ^ word);
        }

        int left = text.Length % sizeof(ulong);
        if (left > 0 && text.Length > sizeof(ulong))
        {
            // With bytes that are counted already, which does no harm.
            return Mix(hash ^ BitConverter.ToUInt64(text[^sizeof(ulong)..]));
        }

        foreach (byte last in text[^left..])
        {
            hash = Mix(hash ^ last);
        }

        return hash;
    }

    // An odd constant with its bits spread, and what it gathers in the upper half brought back to the lower one.
    private static ulong Mix(ulong hash)
    {
        hash *= 0x9E37_79B9_7F4A_7C15;
        return hash ^ (hash >> 32);
    }
}
