using System.Text;

namespace IsolatedAgents.Repositories.Ignoring;

/// <summary>
/// Finds the parts of files that the attributes of a repository may hide. Every line that is for a file counts, also one that a later
/// line takes back: too much is held back then, not too little.
/// </summary>
/// <param name="load">The files of attributes that hold in a folder below the repository; null where they cannot be told.</param>
/// <param name="others">Files of attributes for the whole repository.</param>
/// <param name="ignoresCase">Whether names in either case are the same.</param>
/// <param name="effort">What may still go into comparing.</param>
internal sealed class AttributeRules(
    Func<string, IReadOnlyList<AttributeFile>?> load,
    IReadOnlyList<AttributeFile> others,
    bool ignoresCase,
    MatchEffort effort
)
{
    private readonly Dictionary<string, IReadOnlyList<AttributeFile>?> _folders = new(StringComparer.Ordinal);
    private Dictionary<string, ContentHiding>? _kinds;

    /// <summary>The parts of a file that the attributes may hide.</summary>
    /// <param name="path">Below the repository.</param>
    public ContentHiding Of(string path)
    {
        _kinds ??= Kinds();
        byte[] bytes = Encoding.UTF8.GetBytes(path);
        IgnoreSubject subject = new(bytes, bytes.AsSpan().LastIndexOf((byte)'/') + 1, IsFolder: false);
        ContentHiding hiding = ContentHiding.None;
        foreach (AttributeFile file in others)
        {
            hiding |= Judge(file, in subject, 0);
        }

        for (int slash = -1; ; slash = path.IndexOf('/', slash + 1))
        {
            string folder = slash < 0 ? "" : path[..slash];
            int from = slash < 0 ? 0 : Encoding.UTF8.GetByteCount(folder) + 1;
            if (Find(folder) is not { } files)
            {
                return ContentHiding.All;
            }

            foreach (AttributeFile file in files)
            {
                hiding |= Judge(file, in subject, from);
            }

            if (path.IndexOf('/', slash + 1) < 0)
            {
                return effort.IsSpent ? ContentHiding.All : hiding;
            }
        }
    }

    private ContentHiding Judge(AttributeFile file, in IgnoreSubject subject, int from)
    {
        ContentHiding hiding = ContentHiding.None;
        foreach (AttributeLine line in file.Lines)
        {
            ContentHiding kinds = KindOf(line.Names, _kinds!);
            if ((kinds & ~hiding) != 0 && line.Pattern.Matches(in subject, from, ignoresCase, effort))
            {
                hiding |= kinds;
            }
        }

        return hiding;
    }

    private IReadOnlyList<AttributeFile>? Find(string folder)
    {
        if (!_folders.TryGetValue(folder, out IReadOnlyList<AttributeFile>? known))
        {
            known = load(folder);
            _folders.Add(folder, known);
        }

        return known;
    }

    // Macros may name macros, whichever stands first.
    private Dictionary<string, ContentHiding> Kinds()
    {
        Dictionary<string, ContentHiding> kinds = new(StringComparer.Ordinal)
        {
            ["filter"] = ContentHiding.Whole,
            ["working-tree-encoding"] = ContentHiding.Whole,
            ["ident"] = ContentHiding.Identity,
            ["text"] = ContentHiding.LineEnds,
            ["eol"] = ContentHiding.LineEnds,
            ["crlf"] = ContentHiding.LineEnds,
        };
        (string Name, string[] Names)[] macros = [.. others.Concat(Find("") ?? []).SelectMany(file => file.Macros)];
        for (bool isMore = true; isMore && !effort.IsSpent; )
        {
            isMore = false;
            foreach ((string name, string[] names) in macros)
            {
                effort.Spend(names.Length + 1);
                ContentHiding kind = KindOf(names, kinds),
                    known = kinds.GetValueOrDefault(name);
                if ((kind & ~known) != 0)
                {
                    kinds[name] = known | kind;
                    isMore = true;
                }
            }
        }

        return kinds;
    }

    private static ContentHiding KindOf(string[] names, Dictionary<string, ContentHiding> kinds) =>
        names.Aggregate(ContentHiding.None, (all, name) => all | kinds.GetValueOrDefault(name));
}
