using System.Buffers.Binary;
using System.Text;

namespace IsolatedAgents.Repositories.Ignoring;

/// <summary>
/// Which files a repository tracks: gitformat-index(5), versions 2 to 4. What cannot be read for sure, such as a split index, counts as an
/// index that tracks nothing: less comes back then, not more.
/// </summary>
internal sealed class GitIndex
{
    private const int MaxBytes = 256 * 1024 * 1024;
    private const int HeaderLength = 12;
    private const int StatLength = 40;
    private const int ChecksumLengthSha1 = 20;
    private const int ChecksumLengthSha256 = 32;
    private const int ModeOffset = 24;
    private const uint TypeMask = 0xF000;
    private const uint GitLink = 0xE000;
    private const ushort AssumeValid = 0x8000;
    private const ushort Extended = 0x4000;
    private const ushort NameMask = 0x0FFF;
    private const ushort SkipWorktree = 0x4000;

    private readonly HashSet<string> _tracked = new(StringComparer.Ordinal);
    private readonly HashSet<string> _hidden = new(StringComparer.Ordinal);
    private readonly HashSet<string> _repositories = new(StringComparer.Ordinal);

    /// <summary>Of a repository that has none.</summary>
    public static GitIndex Empty { get; } = new();

    /// <summary>Whether git tracks a file of that path and shows its changes.</summary>
    public bool Tracks(string path) => _tracked.Contains(path);

    /// <summary>Whether git was told not to look at the file: its changes would not show.</summary>
    public bool Hides(string path) => _hidden.Contains(path);

    /// <summary>Whether it has a file of that path, whatever git shows of it.</summary>
    public bool Has(string path) => _tracked.Contains(path) || _hidden.Contains(path);

    /// <summary>Whether the path is that of a submodule.</summary>
    public bool HasRepository(string path) => _repositories.Contains(path);

    /// <summary>Reads an index file.</summary>
    public static GitIndex Read(string path, bool isSha256)
    {
        try
        {
            FileInfo file = new(path);
            return file.Exists && file.Length <= MaxBytes ? Parse(File.ReadAllBytes(path), isSha256) : Empty;
        }
        catch (Exception failure)
            when (failure
                    is IOException
                        or UnauthorizedAccessException
                        or InvalidDataException
                        or ArgumentOutOfRangeException
                        or IndexOutOfRangeException
                        or OverflowException
            )
        {
            return Empty;
        }
    }

    private static GitIndex Parse(ReadOnlySpan<byte> content, bool isSha256)
    {
        int hashLength = isSha256 ? ChecksumLengthSha256 : ChecksumLengthSha1;
        uint version = BinaryPrimitives.ReadUInt32BigEndian(content[4..]);
        uint count = BinaryPrimitives.ReadUInt32BigEndian(content[8..]);
        if (!content.StartsWith("DIRC"u8) || version is < 2 or > 4 || count > (uint)content.Length)
        {
            throw new InvalidDataException();
        }

        GitIndex index = new();
        byte[] previous = [];
        int at = HeaderLength;
        for (uint i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = content[at..];
            uint mode = BinaryPrimitives.ReadUInt32BigEndian(entry[ModeOffset..]);
            int length = StatLength + hashLength;
            ushort flags = BinaryPrimitives.ReadUInt16BigEndian(entry[length..]);
            length += sizeof(ushort);
            ushort more = 0;
            if ((flags & Extended) != 0)
            {
                more = BinaryPrimitives.ReadUInt16BigEndian(entry[length..]);
                length += sizeof(ushort);
            }

            byte[] name = version == 4 ? ReadDifference(entry, previous, ref length) : ReadName(entry, flags, ref length);
            index.Add(Encoding.UTF8.GetString(name), mode, flags, more);
            previous = name;
            at += length;
        }

        return HasLink(content[at..^hashLength]) ? Empty : index;
    }

    private void Add(string name, uint mode, ushort flags, ushort more)
    {
        if ((mode & TypeMask) == GitLink)
        {
            _repositories.Add(name);
        }
        else if ((flags & AssumeValid) != 0 || (more & SkipWorktree) != 0)
        {
            _hidden.Add(name);
        }
        else
        {
            _tracked.Add(name);
        }
    }

    private static byte[] ReadName(ReadOnlySpan<byte> entry, ushort flags, ref int length)
    {
        int nameLength = flags & NameMask;
        nameLength = nameLength == NameMask ? IndexOfZero(entry[length..]) : nameLength;
        byte[] name = entry.Slice(length, nameLength).ToArray();
        // One to eight bytes of 0, so that the next begins at a multiple of eight.
        length = (length + nameLength + 8) & ~7;
        return name;
    }

    // Version 4: how much of the name before is cut off, and what follows instead.
    private static byte[] ReadDifference(ReadOnlySpan<byte> entry, byte[] previous, ref int length)
    {
        byte digit = entry[length++];
        int cut = digit & 0x7F;
        while ((digit & 0x80) != 0)
        {
            digit = entry[length++];
            cut = checked(((cut + 1) << 7) | (digit & 0x7F));
        }

        int end = IndexOfZero(entry[length..]);
        byte[] name = [.. previous.AsSpan(0, previous.Length - cut), .. entry.Slice(length, end)];
        length += end + 1;
        return name;
    }

    private static int IndexOfZero(ReadOnlySpan<byte> text) =>
        text.IndexOf((byte)0) is >= 0 and int end ? end : throw new InvalidDataException();

    // An extension in small letters changes what the entries mean: 'link' refers to another file, 'sdir' has folders among them.
    private static bool HasLink(ReadOnlySpan<byte> extensions)
    {
        while (extensions.Length >= 8)
        {
            if (char.IsAsciiLetterLower((char)extensions[0]) && !extensions.StartsWith("sdir"u8))
            {
                return true;
            }

            extensions = extensions[(8 + checked((int)BinaryPrimitives.ReadUInt32BigEndian(extensions[4..])))..];
        }

        return false;
    }
}
