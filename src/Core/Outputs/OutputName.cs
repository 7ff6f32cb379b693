using System.Text;

namespace IsolatedAgents.Outputs;

/// <summary>Decides whether this host can hold a name that an agent chose, exactly as it is.</summary>
internal static class OutputName
{
    private const int MaxPathBytes = 4096;
    private const int MaxNameBytes = 255;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private static readonly string[] WindowsDevices =
    [
        "CON",
        "PRN",
        "AUX",
        "NUL",
        "COM1",
        "COM2",
        "COM3",
        "COM4",
        "COM5",
        "COM6",
        "COM7",
        "COM8",
        "COM9",
        "LPT1",
        "LPT2",
        "LPT3",
        "LPT4",
        "LPT5",
        "LPT6",
        "LPT7",
        "LPT8",
        "LPT9",
    ];

    /// <summary>The path as text, with forward slashes; or why it is refused.</summary>
    public static (string Name, string? Refusal) Decode(ReadOnlySpan<byte> path, bool isWindows)
    {
        string name;
        try
        {
            name = StrictUtf8.GetString(path);
        }
        catch (DecoderFallbackException)
        {
            return (Encoding.UTF8.GetString(path), "The name is not valid UTF-8");
        }

        return (name, path.Length > MaxPathBytes ? "The path is too long" : RefuseText(name, isWindows));
    }

    private static string? RefuseText(string name, bool isWindows)
    {
        if (name.Any(char.IsControl))
        {
            return "The name holds a control character";
        }

        if (name == OutputDirectory.ManifestName)
        {
            return "The name is reserved";
        }

        foreach (string part in name.Split('/'))
        {
            if (part is "" or "." or ".." || Encoding.UTF8.GetByteCount(part) > MaxNameBytes)
            {
                return "The path is not a plain one";
            }

            if (isWindows && IsRefusedByWindows(part))
            {
                return "This host cannot hold such a name";
            }
        }

        return null;
    }

    private static bool IsRefusedByWindows(string part) =>
        part.IndexOfAny(['\\', ':', '*', '?', '"', '<', '>', '|']) >= 0
        || part[^1] is '.' or ' '
        || WindowsDevices.Contains(part.Split('.')[0], StringComparer.OrdinalIgnoreCase);
}
