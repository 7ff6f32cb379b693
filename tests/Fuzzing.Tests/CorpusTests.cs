namespace IsolatedAgents.Fuzzing;

/// <summary>What the fuzzer has found worth keeping holds, and so do some thousand random changes of it.</summary>
[TestClass]
public sealed class CorpusTests(TestContext context)
{
    private const int Mutations = 20_000;
    private const int Seed = 20261124;

    public static IEnumerable<object[]> Targets() => FuzzTarget.All.Select(target => new object[] { target.Name });

    [TestMethod]
    [DynamicData(nameof(Targets))]
    public void Target_CorpusAndRandomChanges_Hold(string name)
    {
        FuzzTarget target = FuzzTarget.Find(name)!;
        List<byte[]> corpus =
        [
            .. Directory
                .EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Corpus", name))
                .Order(StringComparer.Ordinal)
                .Select(File.ReadAllBytes),
        ];
        Assert.IsNotEmpty(corpus);
        if (name == "audit")
        {
            corpus.Add(AuditTarget.Log);
        }

        corpus.ForEach(target.Run);
        Random random = new(Seed);
        for (int i = 0; i < Mutations; i++)
        {
            byte[] input = Change(corpus[random.Next(corpus.Count)], corpus, random);
            try
            {
                target.Run(input);
            }
            catch
            {
                context.WriteLine($"{i}: {Convert.ToBase64String(input)}");
                throw;
            }
        }
    }

    private static byte[] Change(byte[] input, List<byte[]> corpus, Random random)
    {
        List<byte> changed = [.. input];
        for (int times = 1 + random.Next(4); times > 0; times--)
        {
            int at = random.Next(changed.Count + 1);
            switch (random.Next(5))
            {
                case 0 when at < changed.Count:
                    changed[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1 when at < changed.Count:
                    changed.RemoveRange(at, Math.Min(1 + random.Next(8), changed.Count - at));
                    break;
                case 2:
                    byte[] other = corpus[random.Next(corpus.Count)];
                    int start = random.Next(other.Length + 1);
                    changed.InsertRange(at, other.AsSpan(start, Math.Min(random.Next(64), other.Length - start)).ToArray());
                    break;
                case 3:
                    changed.Insert(at, (byte)random.Next(256));
                    break;
                default:
                    changed.RemoveRange(at, changed.Count - at);
                    break;
            }
        }

        return [.. changed];
    }
}
