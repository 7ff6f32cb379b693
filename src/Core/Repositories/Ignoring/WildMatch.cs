using System.Buffers;
using System.Text;

namespace IsolatedAgents.Repositories.Ignoring;

/// <summary>How much work may still go into comparing paths with patterns: who wrote both may have been an agent.</summary>
/// <param name="steps">How many states of a pattern may be looked at.</param>
/// <param name="progressed">Told now and then while it is spent.</param>
internal sealed class MatchEffort(long steps, Action? progressed = null)
{
    private const long Interval = 50_000_000;

    private long _sinceTold;

    /// <summary>Whether it is used up: nothing that was answered since can be relied on.</summary>
    public bool IsSpent => steps < 0;

    /// <summary>Books some.</summary>
    public void Spend(long spent)
    {
        steps -= spent;
        _sinceTold += spent;
        if (_sinceTold >= Interval)
        {
            _sinceTold = 0;
            progressed?.Invoke();
        }
    }
}

/// <summary>
/// Compares a path with a pattern of a <c>.gitignore</c> file as git's wildmatch.c does, byte by byte. All ways through the pattern are
/// followed at once, so that the time is bounded by the product of both lengths, whatever the pattern.
/// </summary>
internal static class WildMatch
{
    private enum Kind : byte
    {
        Literal,
        Any,
        Class,
        Star,
        Stars,
        Folders,
        InFolders,
    }

    private readonly record struct Token(Kind Kind, byte Value, int Start);

    /// <param name="pattern">Without what stands for negation and folders.</param>
    /// <param name="text">The path, or a name.</param>
    /// <param name="ignoresCase">Whether ASCII letters of either case are the same.</param>
    /// <param name="effort">What it costs is booked here; once that is spent, nothing matches.</param>
    public static bool Matches(ReadOnlySpan<byte> pattern, ReadOnlySpan<byte> text, bool ignoresCase, MatchEffort effort)
    {
        Token[] tokens = ArrayPool<Token>.Shared.Rent(pattern.Length + 1);
        try
        {
            int count = Read(pattern, tokens);
            effort.Spend(pattern.Length + 1);
            return count >= 0 && !effort.IsSpent && Run(pattern, tokens.AsSpan(0, count), text, ignoresCase, effort);
        }
        finally
        {
            ArrayPool<Token>.Shared.Return(tokens);
        }
    }

    // -1 where the pattern can match nothing.
    private static int Read(ReadOnlySpan<byte> pattern, Token[] tokens)
    {
        int count = 0;
        for (int i = 0; i < pattern.Length; )
        {
            switch (pattern[i])
            {
                case (byte)'\\':
                    if (i + 1 == pattern.Length)
                    {
                        return -1;
                    }

                    tokens[count++] = new Token(Kind.Literal, pattern[i + 1], 0);
                    i += 2;
                    break;
                case (byte)'?':
                    tokens[count++] = new Token(Kind.Any, 0, 0);
                    i++;
                    break;
                case (byte)'[':
                    int end = ReadClass(pattern, i, letter: 0, ignoresCase: false, out _);
                    if (end < 0)
                    {
                        return -1;
                    }

                    tokens[count++] = new Token(Kind.Class, 0, i);
                    i = end + 1;
                    break;
                case (byte)'*':
                    i = ReadStars(pattern, i, tokens, ref count);
                    break;
                default:
                    tokens[count++] = new Token(Kind.Literal, pattern[i++], 0);
                    break;
            }
        }

        return count;
    }

    private static int ReadStars(ReadOnlySpan<byte> pattern, int at, Token[] tokens, ref int count)
    {
        int end = at;
        while (end < pattern.Length && pattern[end] == '*')
        {
            end++;
        }

        bool isAlone =
            end - at >= 2
            && (at == 0 || pattern[at - 1] == '/')
            && (
                end == pattern.Length
                || pattern[end] == '/'
                || (pattern[end] == '\\' && end + 1 < pattern.Length && pattern[end + 1] == '/')
            );
        if (isAlone && end < pattern.Length && pattern[end] == '/')
        {
            // Any number of folders, none included.
            tokens[count++] = new Token(Kind.Folders, 0, 0);
            tokens[count++] = new Token(Kind.InFolders, 0, 0);
            return end + 1;
        }

        tokens[count++] = new Token(isAlone ? Kind.Stars : Kind.Star, 0, 0);
        return end;
    }

    private static bool Run(
        ReadOnlySpan<byte> pattern,
        ReadOnlySpan<Token> tokens,
        ReadOnlySpan<byte> text,
        bool ignoresCase,
        MatchEffort effort
    )
    {
        bool[] states = ArrayPool<bool>.Shared.Rent(2 * (tokens.Length + 1));
        Span<bool> now = states.AsSpan(0, tokens.Length + 1),
            next = states.AsSpan(tokens.Length + 1, tokens.Length + 1);
        now.Clear();
        now[0] = true;
        Expand(tokens, now);
        for (int at = 0; at < text.Length; at++)
        {
            effort.Spend(tokens.Length);
            next.Clear();
            bool isAlive = false;
            for (int i = 0; i < tokens.Length; i++)
            {
                if (now[i])
                {
                    isAlive |= Step(pattern, tokens[i], text[at], ignoresCase, next[i..]);
                }
            }

            if (!isAlive)
            {
                ArrayPool<bool>.Shared.Return(states);
                return false;
            }

            Expand(tokens, next);
            Span<bool> swap = now;
            now = next;
            next = swap;
        }

        bool isMatch = now[tokens.Length];
        ArrayPool<bool>.Shared.Return(states);
        return isMatch;
    }

    // A state that is entered also stands behind what may match nothing.
    private static void Expand(ReadOnlySpan<Token> tokens, Span<bool> states)
    {
        for (int i = 0; i < tokens.Length; i++)
        {
            if (states[i] && tokens[i].Kind is (Kind.Star or Kind.Stars or Kind.Folders))
            {
                states[i + 1] = true;
                states[Math.Min(i + 2, tokens.Length)] |= tokens[i].Kind == Kind.Folders;
            }
        }
    }

    private static bool Step(ReadOnlySpan<byte> pattern, Token token, byte letter, bool ignoresCase, Span<bool> next)
    {
        switch (token.Kind)
        {
            case Kind.Star when letter != '/':
            case Kind.Stars:
                next[0] = true;
                return true;
            case Kind.InFolders:
                next[0] = true;
                next[1] |= letter == '/';
                return true;
            case Kind.Any when letter != '/':
            case Kind.Literal when IsSame(token.Value, letter, ignoresCase):
            case Kind.Class
                when letter != '/'
                    && ReadClass(pattern, token.Start, ignoresCase ? Lower(letter) : letter, ignoresCase, out bool isMember) >= 0
                    && isMember:
                next[1] = true;
                return true;
            default:
                return false;
        }
    }

    private static bool IsSame(byte left, byte right, bool ignoresCase) => left == right || (ignoresCase && Lower(left) == Lower(right));

    private static byte Lower(byte letter) => letter is >= (byte)'A' and <= (byte)'Z' ? (byte)(letter | 0x20) : letter;

    // Where the bracket that opens at a place closes, and whether a byte is in it; -1 where it can match nothing. As dowild() in
    // wildmatch.c goes through it, step by step.
    private static int ReadClass(ReadOnlySpan<byte> pattern, int open, byte letter, bool ignoresCase, out bool isMember)
    {
        isMember = false;
        int at = open + 1;
        bool isNegated = At(pattern, at) is (byte)'!' or (byte)'^';
        at += isNegated ? 1 : 0;
        int current = At(pattern, at),
            previous = 0;
        do
        {
            switch (current)
            {
                case 0:
                    return -1;
                case '\\':
                    current = At(pattern, ++at);
                    isMember |= letter == current;
                    break;
                case '-' when previous != 0 && At(pattern, at + 1) is not (0 or ']'):
                    current = At(pattern, ++at);
                    current = current == '\\' ? At(pattern, ++at) : current;
                    isMember |=
                        IsBetween(letter, previous, current)
                        || (ignoresCase && letter is >= (byte)'a' and <= (byte)'z' && IsBetween(letter - 0x20, previous, current));
                    current = current == 0 ? -1 : 0;
                    break;
                case '[' when At(pattern, at + 1) == ':':
                    int name = at + 2;
                    int length = pattern[Math.Min(name, pattern.Length)..].IndexOf((byte)']');
                    if (length < 0)
                    {
                        return -1;
                    }

                    if (length == 0 || pattern[name + length - 1] != ':')
                    {
                        isMember |= letter == '[';
                        break;
                    }

                    if (IsNamed(pattern.Slice(name, length - 1), letter, ignoresCase) is not { } isNamed)
                    {
                        return -1;
                    }

                    isMember |= isNamed;
                    at = name + length;
                    current = 0;
                    break;
                default:
                    isMember |= letter == current;
                    break;
            }

            if (current == -1 || at >= pattern.Length)
            {
                return -1;
            }

            previous = current;
            current = At(pattern, ++at);
        } while (current != ']');
        isMember ^= isNegated;
        return at;
    }

    private static int At(ReadOnlySpan<byte> pattern, int at) => at < pattern.Length ? pattern[at] : 0;

    private static bool IsBetween(int letter, int first, int last) => letter >= first && letter <= last;

    private static bool? IsNamed(ReadOnlySpan<byte> name, byte letter, bool ignoresCase)
    {
        char at = (char)letter;
        return Encoding.Latin1.GetString(name) switch
        {
            "alnum" => char.IsAsciiLetterOrDigit(at),
            "alpha" => char.IsAsciiLetter(at),
            "blank" => at is ' ' or '\t',
            "cntrl" => at is < ' ' or '\u007F',
            "digit" => char.IsAsciiDigit(at),
            "graph" => at is > ' ' and < '\u007F',
            "lower" => char.IsAsciiLetterLower(at),
            "print" => at is >= ' ' and < '\u007F',
            "punct" => at is > ' ' and < '\u007F' && !char.IsAsciiLetterOrDigit(at),
            "space" => at is ' ' or (>= '\t' and <= '\r'),
            "upper" => char.IsAsciiLetterUpper(at) || (ignoresCase && char.IsAsciiLetterLower(at)),
            "xdigit" => char.IsAsciiHexDigit(at),
            _ => null,
        };
    }
}
